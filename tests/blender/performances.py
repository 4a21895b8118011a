"""Performances to put into a scene."""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np

from a2p_backend.wire.performance import Performance
from kinematics.armature import posed_bone_matrices
from kinematics.body import Body
from kinematics.stage import place_on_stage

FACE_NAMES = ("jaw_open", "lips_wide")


def random_performance(frames: int, seed: int = 1) -> Performance:
    """Every parameter moves, far from the stage's origin and beyond half a turn."""
    random = np.random.default_rng(seed)
    pose = random.normal(0.0, 0.4, (frames, 104)) + random.normal(0.0, 0.2, 104)
    pose[:, :3] += (3.0, -12.0, -28.0)
    pose[:, 3] += np.linspace(0.0, 5.0, frames)
    face = random.random((frames, 256))
    return Performance(
        pose=pose.astype(np.float32),
        face=face.astype(np.float32),
        guide=pose[::30].astype(np.float32),
        actor="default",
        seed=seed,
        clip_name="a clip.wav",
        clip_sha256="00",
    )


def expected_bone_matrices(body: Body, performance: Performance) -> np.ndarray:
    """(T, J, 4, 4) by forward kinematics alone."""
    return posed_bone_matrices(body, body.global_states(place_on_stage(body, performance.pose)))


def bone_matrices(rig: bpy.types.Object, names: tuple[str, ...]) -> np.ndarray:
    """(J, 4, 4) world matrices of the rig's bones in the current frame, as Blender evaluates them."""
    posed = rig.evaluated_get(bpy.context.evaluated_depsgraph_get())
    return np.array([posed.matrix_world @ posed.pose.bones[name].matrix for name in names])


def counts() -> dict[str, int]:
    """How many data-blocks of each kind there are."""
    return {
        name: len(getattr(bpy.data, name))
        for name, kind in bpy.types.BlendData.bl_rna.properties.items()
        if kind.type == "COLLECTION"
    }


def action_curves(owner: bpy.types.ID) -> Any:
    """The F-curves that `owner` plays from its active action; empty if it has none."""
    animation = owner.animation_data
    if animation is None or animation.action is None:
        return ()
    if not hasattr(animation, "action_slot"):
        return animation.action.fcurves
    bags = [
        strip.channelbag(animation.action_slot)
        for layer in animation.action.layers
        for strip in layer.strips
        if animation.action_slot is not None
    ]
    return [curve for bag in bags if bag is not None for curve in bag.fcurves]
