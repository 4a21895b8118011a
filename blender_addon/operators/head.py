"""The face itself as geometry beside the rig."""

from __future__ import annotations

import bpy

from kinematics.errors import A2PError
from kinematics.face.motion import default_motion
from kinematics.face_mesh import load_default_face_mesh

from ..scene import face_mesh, takes
from .reporting import NO_TAKE, possible, reported

_ACTOR = "default"


class A2P_OT_head_mesh(bpy.types.Operator):
    """Add the head that the newest take's rig moves, with a keyed shape key for each expression"""

    bl_idname = "a2p.head_mesh"
    bl_label = "Add Head Mesh"
    bl_options = {"REGISTER", "UNDO"}

    arkit: bpy.props.BoolProperty(
        name="ARKit Shapes",
        description="Shape keys are ARKit's 52, and not the actor's own expression codes",
        default=False,
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return possible(cls, takes.find_rig(context) is not None, NO_TAKE)

    def execute(self, context: bpy.types.Context) -> set[str]:
        with reported(self):
            rig = takes.require_rig(context)
            take = takes.take_of(rig)
            if take is None:
                raise A2PError(f"{rig.name} plays no take: choose one under Takes.")
            performance = takes.attached_performance(take)
            if performance.actor != _ACTOR:
                raise A2PError(
                    f"The head of actor {performance.actor} is not known: only the default actor's is."
                )
            mesh = load_default_face_mesh()
            if self.arkit:
                shapes = face_mesh.ShapeKeys.of_arkit()
                values = default_motion(performance.face).weights(shapes.names)
            else:
                shapes, values = face_mesh.ShapeKeys.of_codes(mesh), mesh.codes(performance.face)
            head = face_mesh.build_face_mesh(mesh, f"{take.name} head", shapes)
            context.scene.collection.objects.link(head)
            face_mesh.follow_rig(head, mesh, rig)
            face_mesh.key_shapes(head, values, take.frame_range[0], f"{take.name} head")
            return {"FINISHED"}
        return {"CANCELLED"}


CLASSES = (A2P_OT_head_mesh,)
