"""The face of a take on another character."""

from __future__ import annotations

import bpy

from kinematics.errors import A2PError

from ..scene import face_shapes, takes
from .reporting import reported


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
        return takes.find_rig(context) is not None

    def execute(self, context: bpy.types.Context) -> set[str]:
        with reported(self):
            scene = context.scene
            source = _named(scene, self.source) if self.source else takes.find_rig(context)
            if source.type != "ARMATURE" or source.animation_data is None:
                raise A2PError(f"{source.name} plays no take: choose the rig of one.")
            target = _named(scene, self.target) if self.target else None
            armature = target if target is not None and target.type == "ARMATURE" else None
            face = face_shapes.face_of(source)
            meshes = face_shapes.meshes_for(scene, target) if self.shape_keys else []
            done = face_shapes.apply_face(scene, face, meshes, armature)
            self.report({"INFO"}, done.summary)
            return {"FINISHED"}
        return {"CANCELLED"}


def _named(scene: bpy.types.Scene, name: str) -> bpy.types.Object:
    found = scene.objects.get(name)
    if found is None:
        raise A2PError(f"There is no object called {name} in this scene: choose another.")
    return found


CLASSES = (A2P_OT_apply_face,)
