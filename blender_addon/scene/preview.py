"""Still pictures of a rig at work: its body, and its bones as sticks seen through it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bpy
import numpy as np

from a2p_backend.wire.progress import OnProgress, Progress
from kinematics.armature import BoneRest
from kinematics.camera import Camera

from . import isolation, plate, studio

_FLOOR_SIZE = 40.0
"""Metres."""
_WIDEST_STICK = 0.018
"""Metres."""


def render_preview(
    rig: bpy.types.Object,
    rest: BoneRest,
    camera: Camera,
    frames: list[int],
    folder: Path,
    on_progress: OnProgress,
) -> None:
    """Draw the rig in the given frames, as `camera` sees it, to FRAME.png; the scene stays as it is."""
    folder.mkdir(parents=True, exist_ok=True)
    meshes = [child for child in rig.children if child.type == "MESH"]
    with (
        _props(rig, rest, camera) as (sticks, floor, viewer, world),
        studio.clay(meshes),
        isolation.scene_with([rig, *meshes, sticks, floor, viewer], rig) as scene,
    ):
        studio.set_up(scene, viewer, camera)
        scene.world = world
        for done, frame in enumerate(frames, start=1):
            scene.frame_set(frame)
            scene.render.filepath = str(folder / f"{frame:05d}.png")
            bpy.ops.render.render(write_still=True, scene=scene.name)
            on_progress(Progress("pictures", done, len(frames)))


@contextmanager
def _props(
    rig: bpy.types.Object, rest: BoneRest, camera: Camera
) -> Iterator[tuple[bpy.types.Object, bpy.types.Object, bpy.types.Object, bpy.types.World]]:
    """What only the pictures need: the bones' sticks, a floor, a camera and a backdrop."""
    sticks = studio.mesh_object("A2P sticks", *_stick_geometry(rest))
    sticks.color = studio.BONE_COLOUR
    sticks.show_in_front = True
    for index, joint in enumerate(_limbs(rest)):
        name = rest.names[joint]
        corners = list(range(index * len(studio.STICK), (index + 1) * len(studio.STICK)))
        sticks.vertex_groups.new(name=name).add(corners, 1.0, "REPLACE")
    sticks.modifiers.new("Armature", "ARMATURE").object = rig

    floor = studio.floor(_FLOOR_SIZE)
    viewer = plate.new_camera(camera, "A2P preview camera")
    world = studio.new_backdrop()
    try:
        yield sticks, floor, viewer, world
    finally:
        bpy.data.worlds.remove(world)
        bpy.data.meshes.remove(sticks.data)
        bpy.data.meshes.remove(floor.data)
        bpy.data.cameras.remove(viewer.data)


def _limbs(rest: BoneRest) -> np.ndarray:
    """The bones that lead to others; tips, eyes and the world bone would only clutter a picture."""
    return np.array([joint for joint in np.unique(rest.parents) if joint >= 0 and rest.parents[joint] >= 0])


def _stick_geometry(rest: BoneRest) -> tuple[np.ndarray, list[tuple[int, ...]]]:
    """Vertices (limbs * 6, 3) in armature space, and faces, of a stick for each limb."""
    limbs = _limbs(rest)
    matrices, lengths = rest.matrices[limbs], rest.lengths[limbs]
    width = np.minimum(studio.STICK_WIDTH * lengths, _WIDEST_STICK)
    corners = studio.STICK * np.stack([width, lengths, width], axis=-1)[:, None, :]
    placed = np.einsum("jab,jcb->jca", matrices[:, :3, :3], corners) + matrices[:, None, :3, 3]
    return placed.reshape(-1, 3), studio.stick_faces(len(limbs))
