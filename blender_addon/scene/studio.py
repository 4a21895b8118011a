"""A bare studio for still pictures: a camera, its light, and shapes that stand in for bones and floor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import bpy
import numpy as np

from kinematics.arrays import FloatArray
from kinematics.camera import Camera

BODY_COLOUR = (0.48, 0.58, 0.70, 1.0)
BONE_COLOUR = (0.95, 0.58, 0.12, 1.0)
FLOOR_COLOUR = (1.0, 1.0, 1.0, 1.0)
BACKDROP = (0.42, 0.45, 0.49)

STICK = np.array([(0, 0, 0), (1, 0.1, 1), (1, 0.1, -1), (-1, 0.1, -1), (-1, 0.1, 1), (0, 1, 0)], float)
"""Corners of an octahedral bone: Y from head to tail in bone lengths, X and Z in stick widths."""
STICK_WIDTH = 0.09
"""Of a bone's length, from its axis to the widest place, a tenth of the way along."""
_STICK_FACES = ((0, 2, 1), (0, 3, 2), (0, 4, 3), (0, 1, 4), (5, 1, 2), (5, 2, 3), (5, 3, 4), (5, 4, 1))


def set_up(scene: bpy.types.Scene, viewer: bpy.types.Object, camera: Camera) -> None:
    """Have `scene` render plain shaded PNG pictures of the camera's size through `viewer`."""
    scene.camera = viewer
    scene.render.engine = "BLENDER_WORKBENCH"
    scene.render.resolution_x, scene.render.resolution_y = camera.width, camera.height
    scene.render.resolution_percentage = 100
    scene.render.image_settings.file_format = "PNG"
    scene.view_settings.view_transform = "Standard"
    scene.display.render_aa = "FXAA"
    scene.display.light_direction = (-0.35, -0.45, 0.82)
    shading = scene.display.shading
    shading.light = "STUDIO"
    shading.studio_light = "paint.sl"
    shading.color_type = "OBJECT"
    shading.show_shadows = True
    shading.shadow_intensity = 0.25


def new_backdrop() -> bpy.types.World:
    """What is seen beyond the floor."""
    world = bpy.data.worlds.new("A2P backdrop")
    world.color = BACKDROP
    return world


def floor(size: float) -> bpy.types.Object:
    """A level square of `size` metres about the origin, linked nowhere yet."""
    half = size / 2
    corners = np.array([(-half, -half, 0.0), (half, -half, 0.0), (half, half, 0.0), (-half, half, 0.0)])
    made = mesh_object("A2P floor", corners, [(0, 1, 2, 3)])
    made.color = FLOOR_COLOUR
    return made


@contextmanager
def clay(meshes: Sequence[bpy.types.Object]) -> Iterator[None]:
    """Lend the meshes the body's colour."""
    before = [tuple(mesh.color) for mesh in meshes]
    for mesh in meshes:
        mesh.color = BODY_COLOUR
    try:
        yield
    finally:
        for mesh, colour in zip(meshes, before, strict=True):
            mesh.color = colour


def stick_faces(count: int) -> list[tuple[int, ...]]:
    """Faces of `count` octahedra whose corners, as `STICK` has them, come one after another."""
    return [
        tuple(index * len(STICK) + corner for corner in face)
        for index in range(count)
        for face in _STICK_FACES
    ]


def mesh_object(name: str, vertices: FloatArray, faces: list[tuple[int, ...]]) -> bpy.types.Object:
    """An object, linked nowhere yet, of vertices (V, 3)."""
    data = bpy.data.meshes.new(name)
    data.from_pydata(vertices.tolist(), [], faces)
    data.update()
    return bpy.data.objects.new(name, data)
