"""Listen to takes, keep them, throw them away."""

from __future__ import annotations

import bpy
from bpy_extras.io_utils import ImportHelper

from a2p_backend.wire.performance import save_take
from kinematics.errors import A2PError

from .. import jobs
from ..properties.performance import draw_seed
from ..scene import layers, takes
from ..scene.performance import Placement
from ..services.generation import placing
from ..take_file import load_take_for_blender
from .reporting import NO_TAKE, chosen_path, possible, reported
from .saving import SavedAs, with_ending


class _OnTake:
    """An operator on one take: the named one, else the one that plays."""

    take: bpy.props.StringProperty(
        name="Take", description="The take's name; empty: the one that plays", options={"SKIP_SAVE"}
    )

    def chosen(self, context: bpy.types.Context) -> bpy.types.Action:
        """Raises A2PError."""
        if not self.take:
            return takes.take_of(takes.require_rig(context))
        action = bpy.data.actions.get(self.take)
        if not takes.is_take(action):
            raise A2PError(f"There is no take called {self.take}: choose one from the list of takes.")
        return action

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return possible(cls, any(map(takes.is_take, bpy.data.actions)), NO_TAKE)


class A2P_OT_audition(_OnTake, bpy.types.Operator):
    """Play this take on its rig"""

    bl_idname = "a2p.audition"
    bl_label = "Audition"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        with reported(self):
            layers.audition(context, self.chosen(context))
            return {"FINISHED"}
        return {"CANCELLED"}


class A2P_OT_compare_takes(bpy.types.Operator):
    """Change between the take that plays and the one that played before it"""

    bl_idname = "a2p.compare_takes"
    bl_label = "A/B"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        heard = takes.is_take(context.scene.a2p.takes.previous)
        return possible(cls, heard, "There is nothing to compare with yet: click another take first")

    def execute(self, context: bpy.types.Context) -> set[str]:
        with reported(self):
            layers.audition(context, context.scene.a2p.takes.previous)
            return {"FINISHED"}
        return {"CANCELLED"}


class A2P_OT_delete_take(_OnTake, bpy.types.Operator):
    """Delete this take from the file; the rig plays another one"""

    bl_idname = "a2p.delete_take"
    bl_label = "Delete Take"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        with reported(self):
            takes.remove(context, self.chosen(context))
            return {"FINISHED"}
        return {"CANCELLED"}


class A2P_OT_export_take(_OnTake, SavedAs, bpy.types.Operator):
    """Save this take to a file (.npz), to bring it into other scenes or to share it"""

    bl_idname = "a2p.export_take"
    bl_label = "Export Take File"

    filename_ext = ".npz"
    filter_glob: bpy.props.StringProperty(default="*.npz", options={"HIDDEN"})

    def subject(self, context: bpy.types.Context) -> str:
        rig = takes.find_rig(context)
        return self.take or (takes.take_of(rig).name if rig is not None else "")

    def execute(self, context: bpy.types.Context) -> set[str]:
        with reported(self):
            target = with_ending(chosen_path(self.filepath, "a file for the take"), self.filename_ext)
            save_take(takes.attached_performance(self.chosen(context)), target)
            self.report({"INFO"}, f"Wrote {target}")
            return {"FINISHED"}
        return {"CANCELLED"}


class A2P_OT_import_take(ImportHelper, bpy.types.Operator):
    """Bring a take from a file (.npz) into the scene, as if it had just been generated"""

    bl_idname = "a2p.import_take"
    bl_label = "Import Take File"

    filename_ext = ".npz"
    filter_glob: bpy.props.StringProperty(default="*.npz", options={"HIDDEN"})
    clip: bpy.props.StringProperty(
        name="Clip", description="The take's recording, for its sound; empty: none", subtype="FILE_PATH"
    )
    first_frame: bpy.props.IntProperty(
        name="First Frame", description="Frame of the scene at which the take begins", default=1
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        with reported(self):
            performance = load_take_for_blender(chosen_path(self.filepath, "a take file"))
            clip = chosen_path(self.clip, "a recording") if self.clip else None
            placement = Placement(self.first_frame, reuse_rig=True, with_sound=clip is not None)
            jobs.start(f"Importing {performance.clip_name}", placing(performance, clip, placement), "Takes")
            return {"FINISHED"}
        return {"CANCELLED"}


class A2P_OT_reroll(bpy.types.Operator):
    """Choose another seed at random"""

    bl_idname = "a2p.reroll"
    bl_label = "Reroll"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        context.scene.a2p.performance.seed = draw_seed()
        return {"FINISHED"}


CLASSES = (
    A2P_OT_audition,
    A2P_OT_compare_takes,
    A2P_OT_delete_take,
    A2P_OT_export_take,
    A2P_OT_import_take,
    A2P_OT_reroll,
)
