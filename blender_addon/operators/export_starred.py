"""Hand all takes with a star to another program."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import bpy

from a2p_backend.wire.performance import save_take
from kinematics.errors import A2PError

from .. import compat
from ..properties.export import ExportProperties
from ..scene import export, layer_marks, takes
from .reporting import NO_TAKE, chosen_path, possible, reported


class A2P_OT_export_starred(ExportProperties, bpy.types.Operator):
    """Export every take with a star to a file of its own, with its take file beside it"""

    bl_idname = "a2p.export_starred"
    bl_label = "Export Starred Takes"

    directory: bpy.props.StringProperty(
        name="Folder", description="Where the files are written", subtype="DIR_PATH"
    )
    filter_folder: bpy.props.BoolProperty(description="Show folders alone", default=True, options={"HIDDEN"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        starred = possible(cls, takes.starred(), "No take has a star: click the stars of those to export")
        return starred and possible(cls, takes.find_rig(context) is not None, NO_TAKE)

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        with reported(self):
            folder = chosen_path(self.directory, "a folder to export to")
            starred = takes.starred()
            if not starred:
                raise A2PError("No take has a star: give one to each take to export.")
            options = export.ExportOptions(preset=self.preset)
            for take in starred:
                target = folder / f"{bpy.path.clean_name(take.name)}{export.FORMATS[self.format.lower()]}"
                rig = takes.rig_of_take(context, take)
                with _playing(rig, take):
                    export.export(context.scene, rig, target, options)
                save_take(takes.attached_performance(take), target.with_suffix(".npz"))
            self.report({"INFO"}, f"Exported {len(starred)} takes to {folder}")
            return {"FINISHED"}
        return {"CANCELLED"}


@contextmanager
def _playing(rig: bpy.types.Object, take: bpy.types.Action) -> Iterator[None]:
    """The rig plays a take, and afterwards what it played before."""
    before = compat.playing(rig)
    if layer_marks.kind_of(before[0]):
        raise A2PError(f"{rig.name} plays a layer: remove or bake its layers before exporting takes.")
    try:
        compat.play(rig, take, compat.slot_for(take, rig))
        yield
    finally:
        compat.play(rig, *before)


CLASSES = (A2P_OT_export_starred,)
