"""How the plate is shown: behind the camera or as a picture in the scene, and read again from its file."""

from __future__ import annotations

import bpy

from kinematics.errors import A2PError

from ..scene import plate
from .reporting import possible, reported


class _OnPlate:
    """An operator on the plate that the scene's camera shows."""

    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        shown = plate.background_of(context.scene) is not None
        return possible(cls, shown, "The scene's camera shows no plate: render one first")


class A2P_OT_reload_plate(_OnPlate, bpy.types.Operator):
    """Read the plate's file again, after it was rendered anew"""

    bl_idname = "a2p.reload_plate"
    bl_label = "Reload Plate"

    def execute(self, context: bpy.types.Context) -> set[str]:
        with reported(self):
            image = plate.background_of(context.scene).image
            image.reload()
            if image.size[0] == 0:
                raise A2PError(f"Blender cannot read {image.filepath}: render the plate again.")
            return {"FINISHED"}
        return {"CANCELLED"}


class A2P_OT_plate_plane(_OnPlate, bpy.types.Operator):
    """Hang the plate into the scene as a picture behind the figure, as wide as the camera sees there"""

    bl_idname = "a2p.plate_plane"
    bl_label = "Add Image Plane"

    def execute(self, context: bpy.types.Context) -> set[str]:
        with reported(self):
            plate.add_image_plane(context.scene)
            return {"FINISHED"}
        return {"CANCELLED"}


class A2P_OT_composite_plate(_OnPlate, bpy.types.Operator):
    """Choose how the compositor joins the render and the plate"""

    bl_idname = "a2p.composite_plate"
    bl_label = "Composite Plate"

    output: bpy.props.EnumProperty(
        name="Output",
        description="How the render and the plate are joined",
        items=(
            ("Over", "Over", "The render over the plate"),
            ("Beside", "Beside", "The plate at the left, the render at the right, both at half their size"),
        ),
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        with reported(self):
            plate.composite(context.scene, self.output)
            return {"FINISHED"}
        return {"CANCELLED"}


CLASSES = (A2P_OT_reload_plate, A2P_OT_plate_plane, A2P_OT_composite_plate)
