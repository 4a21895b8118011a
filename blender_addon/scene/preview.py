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

from . import isolation, plate

_BODY_COLOUR = (0.48, 0.58, 0.70, 1.0)
_BONE_COLOUR = (0.95, 0.58, 0.12, 1.0)
_FLOOR_COLOUR = (1.0, 1.0, 1.0, 1.0)
_BACKDROP = (0.42, 0.45, 0.49)
_FLOOR_SIZE = 40.0
"""Metres."""
_STICK_WIDTH = 0.09
"""Of a bone's length, from its axis to the widest place, a tenth of the way along."""
_WIDEST_STICK = 0.018
"""Metres."""
_STICK = np.array([(0, 0, 0), (1, 0.1, 1), (1, 0.1, -1), (-1, 0.1, -1), (-1, 0.1, 1), (0, 1, 0)], float)
"""Corners of an octahedral bone: Y from head to tail in bone lengths, X and Z in stick widths."""
_STICK_FACES = ((0, 2, 1), (0, 3, 2), (0, 4, 3), (0, 1, 4), (5, 1, 2), (5, 2, 3), (5, 3, 4), (5, 4, 1))


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
        _coloured(meshes),
        isolation.scene_with([rig, *meshes, sticks, floor, viewer], rig) as studio,
    ):
        _set_up(studio, viewer, camera)
        studio.world = world
        for done, frame in enumerate(frames, start=1):
            studio.frame_set(frame)
            studio.render.filepath = str(folder / f"{frame:05d}.png")
            bpy.ops.render.render(write_still=True, scene=studio.name)
            on_progress(Progress("pictures", done, len(frames)))


def _set_up(studio: bpy.types.Scene, viewer: bpy.types.Object, camera: Camera) -> None:
    studio.camera = viewer
    studio.render.engine = "BLENDER_WORKBENCH"
    studio.render.resolution_x, studio.render.resolution_y = camera.width, camera.height
    studio.render.resolution_percentage = 100
    studio.render.image_settings.file_format = "PNG"
    studio.view_settings.view_transform = "Standard"
    studio.display.render_aa = "FXAA"
    studio.display.light_direction = (-0.35, -0.45, 0.82)
    shading = studio.display.shading
    shading.light = "STUDIO"
    shading.studio_light = "paint.sl"
    shading.color_type = "OBJECT"
    shading.show_shadows = True
    shading.shadow_intensity = 0.25


@contextmanager
def _props(
    rig: bpy.types.Object, rest: BoneRest, camera: Camera
) -> Iterator[tuple[bpy.types.Object, bpy.types.Object, bpy.types.Object, bpy.types.World]]:
    """What only the pictures need: the bones' sticks, a floor, a camera and a backdrop."""
    sticks = _mesh_object("A2P sticks", *_stick_geometry(rest))
    sticks.color = _BONE_COLOUR
    sticks.show_in_front = True
    for index, joint in enumerate(_limbs(rest)):
        name = rest.names[joint]
        corners = list(range(index * len(_STICK), (index + 1) * len(_STICK)))
        sticks.vertex_groups.new(name=name).add(corners, 1.0, "REPLACE")
    sticks.modifiers.new("Armature", "ARMATURE").object = rig

    half = _FLOOR_SIZE / 2
    corners = np.array([(-half, -half, 0.0), (half, -half, 0.0), (half, half, 0.0), (-half, half, 0.0)])
    floor = _mesh_object("A2P floor", corners, [(0, 1, 2, 3)])
    floor.color = _FLOOR_COLOUR
    viewer = plate.new_camera(camera, "A2P preview camera")
    world = bpy.data.worlds.new("A2P backdrop")
    world.color = _BACKDROP
    try:
        yield sticks, floor, viewer, world
    finally:
        bpy.data.worlds.remove(world)
        bpy.data.meshes.remove(sticks.data)
        bpy.data.meshes.remove(floor.data)
        bpy.data.cameras.remove(viewer.data)


@contextmanager
def _coloured(meshes: list[bpy.types.Object]) -> Iterator[None]:
    """Lend the meshes the body's colour."""
    before = [tuple(mesh.color) for mesh in meshes]
    for mesh in meshes:
        mesh.color = _BODY_COLOUR
    try:
        yield
    finally:
        for mesh, colour in zip(meshes, before, strict=True):
            mesh.color = colour


def _limbs(rest: BoneRest) -> np.ndarray:
    """The bones that lead to others; tips, eyes and the world bone would only clutter a picture."""
    return np.array([joint for joint in np.unique(rest.parents) if joint >= 0 and rest.parents[joint] >= 0])


def _stick_geometry(rest: BoneRest) -> tuple[np.ndarray, list[tuple[int, ...]]]:
    """Vertices (limbs * 6, 3) in armature space, and faces, of a stick for each limb."""
    limbs = _limbs(rest)
    matrices, lengths = rest.matrices[limbs], rest.lengths[limbs]
    width = np.minimum(_STICK_WIDTH * lengths, _WIDEST_STICK)
    corners = _STICK * np.stack([width, lengths, width], axis=-1)[:, None, :]
    placed = np.einsum("jab,jcb->jca", matrices[:, :3, :3], corners) + matrices[:, None, :3, 3]
    faces = [
        tuple(index * len(_STICK) + corner for corner in face)
        for index in range(len(limbs))
        for face in _STICK_FACES
    ]
    return placed.reshape(-1, 3), faces


def _mesh_object(name: str, vertices: np.ndarray, faces: list[tuple[int, ...]]) -> bpy.types.Object:
    data = bpy.data.meshes.new(name)
    data.from_pydata(vertices.tolist(), [], faces)
    data.update()
    return bpy.data.objects.new(name, data)
