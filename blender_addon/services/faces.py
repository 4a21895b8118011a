"""Faces: have the backend look at an actor's own head, and move another character's face as it moves."""

from __future__ import annotations

from dataclasses import dataclass

import bpy

from a2p_backend.wire.client import Client
from a2p_backend.wire.performance import Performance
from kinematics.errors import A2PError
from kinematics.face.motion import FaceMotion, default_motion

from .. import backend, jobs, preferences
from ..conversation import Line, talking
from ..scene import face_shapes


@dataclass(frozen=True, eq=False)
class FaceOrder:
    """A face to be copied: of which performance, in a take called `name`, from which frame on, onto what.

    target: the name of a mesh, or of an armature that carries meshes; empty for every mesh with known shapes.
    shape_keys: False for bones alone.
    """

    name: str
    performance: Performance
    first_frame: int
    target: str = ""
    shape_keys: bool = True


def applied_at_once(order: FaceOrder) -> face_shapes.AppliedFace:
    """The face of a performance with the default actor's codes. Raises A2PError where nothing can move."""
    return _apply(order, default_motion(order.performance.face))


def solving_face(order: FaceOrder) -> jobs.Steps:
    """The same for the codes of a released actor, which only its own avatar knows how to read."""
    _character(order)  # what is wrong with it is told before the long work
    found: list[FaceMotion] = []

    def talk(line: Line, client: Client) -> None:
        found.append(line.follow(client.face_motion(order.performance)))

    yield from backend.reaching()
    yield from talking(preferences.endpoint_path(), talk)
    yield from jobs.until_undoable()
    _apply(order, found[0])
    return "A2P Apply Face"


def _apply(order: FaceOrder, motion: FaceMotion) -> face_shapes.AppliedFace:
    target = _character(order)
    scene = bpy.context.scene
    armature = target if target is not None and target.type == "ARMATURE" else None
    meshes = face_shapes.meshes_for(scene, target) if order.shape_keys else []
    face = face_shapes.FaceTake(order.name, motion, order.first_frame)
    return face_shapes.apply_face(scene, face, meshes, armature)


def _character(order: FaceOrder) -> bpy.types.Object | None:
    if not order.target:
        return None
    found = bpy.context.scene.objects.get(order.target)
    if found is None:
        raise A2PError(f"There is no object called {order.target} in this scene: choose another.")
    return found
