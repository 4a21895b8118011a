"""The face of a take on another character."""

from __future__ import annotations

import bpy

from kinematics.errors import A2PError

from .. import compat, jobs
from ..scene import face_shapes, takes
from ..services.faces import FaceOrder, applied_at_once, solving_face
from .reporting import NO_TAKE, possible, reported


class A2P_OT_apply_face(bpy.types.Operator):
    """Move a character's face as the take's: shape keys of ARKit, VRM or Oculus, or else jaw and eye bones"""

    bl_idname = "a2p.apply_face"
    bl_label = "Apply Face"
    bl_options = {"REGISTER", "UNDO"}

    target: bpy.props.StringProperty(
        name="Character",
        description="A mesh, or the armature that carries meshes; empty: every mesh with such shape keys",
    )
    source: bpy.props.StringProperty(
        name="Take", description="The rig that plays the take; empty: the active or the newest one"
    )
    shape_keys: bpy.props.BoolProperty(
        name="Shape Keys",
        description="Key shape keys, and bones only where none opens the mouth; off: bones alone",
        default=True,
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return possible(cls, takes.find_rig(context) is not None, NO_TAKE)

    def execute(self, context: bpy.types.Context) -> set[str]:
        with reported(self):
            source = _named(context.scene, self.source) if self.source else takes.find_rig(context)
            if source.type != "ARMATURE" or source.animation_data is None:
                raise A2PError(f"{source.name} plays no take: choose the rig of one.")
            action, _ = compat.playing(source)
            order = FaceOrder(
                name=action.name,
                performance=takes.attached_performance(action),
                first_frame=round(action.frame_range[0]),
                target=self.target,
                shape_keys=self.shape_keys,
            )
            if face_shapes.has_named_codes(source):
                self.report({"INFO"}, applied_at_once(order).summary)
            else:
                jobs.start("Solving the face", solving_face(order), "Rig")
            return {"FINISHED"}
        return {"CANCELLED"}


def _named(scene: bpy.types.Scene, name: str) -> bpy.types.Object:
    found = scene.objects.get(name)
    if found is None:
        raise A2PError(f"There is no object called {name} in this scene: choose another.")
    return found


CLASSES = (A2P_OT_apply_face,)
