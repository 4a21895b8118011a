"""The video that the animator works against."""

from __future__ import annotations

import bpy

from ..properties.plate import PlateProperties
from ..scene import plate, takes
from .layout import Sidebar, form, hand_over, hint
from .progress import draw_jobs


class A2P_PT_plate(Sidebar, bpy.types.Panel):
    bl_label = "Plate"

    def draw(self, context: bpy.types.Context) -> None:
        settings, layout = context.scene.a2p.plate, self.layout
        if takes.find_rig(context) is None:
            hint(layout, "Generate a take first")
            return
        column = form(layout)
        for name in PlateProperties.__annotations__:
            column.prop(settings, name)
        button = layout.operator("a2p.plate", icon="FILE_MOVIE")
        hand_over(button, settings, PlateProperties.__annotations__)
        draw_jobs(context, layout, self.bl_label)
        background = plate.background_of(context.scene)
        if background is not None:
            _draw_display(layout, background, context.scene.camera)
            _draw_compositor(layout, plate.composited(context.scene))


def _draw_display(
    layout: bpy.types.UILayout, background: bpy.types.CameraBackgroundImage, camera: bpy.types.Object
) -> None:
    row = layout.row(align=True)
    row.label(text="In the Camera", icon="IMAGE_BACKGROUND")
    row.operator("a2p.reload_plate", text="", icon="FILE_REFRESH")
    column = form(layout)
    column.prop(camera.data, "show_background_images", text="Shown")
    column.prop(background, "display_depth", text="Depth")
    column.prop(background, "alpha", text="Opacity", slider=True)
    column.prop(background.image_user, "frame_start", text="Starts At")
    layout.operator("a2p.plate_plane", icon="IMAGE_REFERENCE")


def _draw_compositor(layout: bpy.types.UILayout, shown: str | None) -> None:
    """Two buttons, the one in use pressed."""
    if shown is None:
        hint(layout, "Not linked in the compositor")
        return
    row = layout.row(align=True)
    row.label(text="Render")
    for output in ("Over", "Beside"):
        row.operator("a2p.composite_plate", text=output, depress=output == shown).output = output


CLASSES = (A2P_PT_plate,)
