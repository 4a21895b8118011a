"""A copied motion beside its source: the same moments of both, from the front and from the side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix, Vector

from a2p_backend.wire.blender_job import Moment
from kinematics.arrays import FloatArray
from kinematics.camera import Camera, look_at
from kinematics.retarget.figure import Figure
from kinematics.rotations import matrix_from_quaternion

from . import isolation, plate, studio
from . import rig as rigs
from .retargeting import Retargeted

MOMENTS = 6
_WIDTH, _HEIGHT = 320, 360
_AZIMUTHS = (20.0, 80.0)
"""Degrees from the figure's front towards its left, a little off each axis: limbs would hide each other."""
_TALL = 1.3
"""Of a figure's stature, what a picture shows; the rest is air and floor."""
_FOCAL_MM = 70.0
_HEAD = 0.1
"""Of a figure's height up to the head's bone: how long that one is drawn."""
_FARTHEST_EYE = 0.15
"""Of a figure's stature from the head's bone: what is farther is a control for the eyes to look at."""
_WIDEST_STICK = 0.018
"""Of a figure's stature."""
_COLOURS = {"L": (0.95, 0.58, 0.12, 1.0), "R": (0.20, 0.45, 0.90, 1.0), "": (0.85, 0.85, 0.85, 1.0)}
"""Sticks of the left, the right and the middle."""


@dataclass(frozen=True, eq=False)
class _Shown:
    """T moments of a figure. axes: (3, 3) columns left, back and up. hips: (T, 3). floor: height along `up`.

    sticks: for each side's limbs, their two ends (T, S, 2, 3). All in one space, which has any unit.
    """

    axes: FloatArray
    stature: float
    floor: float
    hips: FloatArray
    sticks: dict[str, FloatArray]


def draw_comparison(
    armature: bpy.types.Object,
    meshes: list[bpy.types.Object],
    done: Retargeted,
    folder: Path,
    moments: int = MOMENTS,
) -> list[Moment]:
    """Draw moments of what `armature` now plays and of its source, as PNG files in `folder`.

    meshes: what the armature moves; where none is skin, which shows its limbs, its mapped bones are drawn as
    sticks too, as the source's always are. Nothing of the file stays changed.
    """
    count = len(done.source)
    rows = np.unique(((np.arange(moments) + 0.5) * count / moments).astype(int))
    frames = [done.frames[row] for row in rows]
    source = _source(done, rows)
    rig = _rig(armature, meshes, done, frames)
    folder.mkdir(parents=True, exist_ok=True)
    from_source = _draw(source, [], frames, folder, "source", with_sticks=True)
    has_skin = any(_is_skin(mesh, armature) for mesh in meshes)
    from_rig = _draw(rig, [armature, *meshes], frames, folder, "rig", with_sticks=not has_skin)
    seconds = rows / done.source.fps
    return [Moment(float(s), *files) for s, *files in zip(seconds, from_source, from_rig, strict=True)]


def _is_skin(mesh: bpy.types.Object, armature: bpy.types.Object) -> bool:
    return any(modifier.type == "ARMATURE" and modifier.object == armature for modifier in mesh.modifiers)


def _source(done: Retargeted, rows: np.ndarray) -> _Shown:
    source = done.source
    matrices = _joined(matrix_from_quaternion(source.rotation[rows]), source.position[rows])
    rest = _joined(matrix_from_quaternion(source.rig.rest_rotations), source.rig.heads)
    shown = _shown(source.figure, rest, matrices, np.eye(4))
    # A capture's rest pose need not stand on the floor that its motion has.
    lowest = float((matrices[:, _from_feet(source.figure), :3, 3] @ shown.axes[:, 2]).min())
    return replace(shown, floor=lowest)


def _rig(
    armature: bpy.types.Object, meshes: list[bpy.types.Object], done: Retargeted, frames: list[int]
) -> _Shown:
    figure = Figure(done.rig, done.bone_map.indices(done.rig))
    corners = [np.array(mesh.matrix_world @ Vector(corner)) for mesh in meshes for corner in mesh.bound_box]
    return _shown(figure, done.rig.rest, rigs.sample(armature, frames), done.rig.to_world, corners)


def _joined(rotation: FloatArray, place: FloatArray) -> FloatArray:
    """(..., 4, 4) of rotations (..., 3, 3) and places (..., 3)."""
    matrices = np.zeros((*place.shape[:-1], 4, 4))
    matrices[..., :3, :3], matrices[..., :3, 3], matrices[..., 3, 3] = rotation, place, 1.0
    return matrices


def _shown(
    figure: Figure,
    rest: FloatArray,
    matrices: FloatArray,
    to_world: FloatArray,
    skin: Sequence[FloatArray] = (),
) -> _Shown:
    """A figure that bones (T, J, 4, 4) of rest (J, 4, 4) make, in the world. skin: points that it reaches."""
    turn = to_world[:3, :3] @ np.linalg.inv(figure.rig.stretch)
    left, up, forward = (turn @ figure.frame).T
    axes = np.stack([left, -forward, up], axis=1)
    axes = axes / np.linalg.norm(axes, axis=0)
    if np.linalg.det(axes) < 0:
        axes[:, 0] *= -1  # a mirrored object
    world_rest, posed = to_world @ rest, to_world @ matrices
    mapped = [bone for chain in figure.bones.values() for bone in chain]
    heights = world_rest[:, :3, 3] @ axes[:, 2]
    # Soles are below the bones of the feet.
    ground = min([float(heights[_from_feet(figure)].min()), *(float(point @ axes[:, 2]) for point in skin)])
    height = float(heights[mapped].max()) - ground
    tips = _tips(figure, to_world, height * axes[:, 2])
    reached = [point @ axes[:, 2] - ground for point in (*tips.values(), *skin)]
    stature = max([height, *reached])
    sticks = _sticks(figure, posed, world_rest, tips, stature)
    return _Shown(axes, stature, ground, posed[:, figure.bones["hips"][0], :3, 3], sticks)


def _tips(figure: Figure, to_world: FloatArray, upright: FloatArray) -> dict[int, FloatArray]:
    """Where mapped bones end in rest, in the world, as far as the rig tells; heads point up."""
    rig, tips = figure.rig, {}
    for slot, chain in figure.bones.items():
        end, tip = chain[-1], figure.tip(chain[-1])
        if slot == "head":  # its children are jaws and eyes, its tail is anywhere
            tips[end] = to_world[:3, :3] @ rig.heads[end] + to_world[:3, 3] + _HEAD * upright
        elif tip is not None:
            tips[end] = to_world[:3, :3] @ np.linalg.solve(rig.stretch, tip) + to_world[:3, 3]
    return tips


def _sticks(
    figure: Figure, posed: FloatArray, rest: FloatArray, tips: dict[int, FloatArray], stature: float
) -> dict[str, FloatArray]:
    """From each mapped bone's carrier to it, and from those that carry none to their tips; see `_Shown`."""
    sides = {
        bone: slot[-1] if slot.endswith((".L", ".R")) else ""
        for slot, chain in figure.bones.items()
        if slot != "root"  # where there is one, it lies on the floor
        for bone in chain
    }
    if head := figure.bones.get("head"):
        for bone in [bone for eye in ("eye.L", "eye.R") for bone in figure.bones.get(eye, ())]:
            if np.linalg.norm(rest[bone, :3, 3] - rest[head[-1], :3, 3]) > _FARTHEST_EYE * stature:
                del sides[bone]
    heads = posed[..., :3, 3]
    ends: dict[str, list[FloatArray]] = {side: [] for side in _COLOURS}
    carrying = set()
    for bone, side in sides.items():
        carrier = next((one for one in figure.rig.carriers(bone) if one in sides), None)
        if carrier is not None:
            carrying.add(carrier)
            ends[side].append(heads[:, [carrier, bone]])
    for bone in (tips.keys() & sides.keys()) - carrying:
        local = np.linalg.solve(rest[bone], [*tips[bone], 1.0])
        ends[sides[bone]].append(np.stack([heads[:, bone], (posed[:, bone] @ local)[:, :3]], axis=1))
    return {side: np.stack(found, axis=1) for side, found in ends.items() if found}


def _from_feet(figure: Figure) -> list[int]:
    """The bones of the feet and what hangs below them; all bones of a figure without feet."""
    rig = figure.rig
    feet = {bone for side in "LR" for bone in figure.bones.get(f"foot.{side}", ())}
    return [bone for bone in range(len(rig)) if not feet or bone in feet or feet & set(rig.carriers(bone))]


def _camera(shown: _Shown, row: int, azimuth: float) -> Camera:
    """One that holds the figure in a moment, whichever way its space has up."""
    centre = shown.hips[row] @ shown.axes
    centre[2] = shown.floor + 0.5 * shown.stature
    angle = np.radians(azimuth)
    focal = _FOCAL_MM * max(_WIDTH, _HEIGHT) / 36.0
    distance = focal * _TALL * shown.stature / _HEIGHT
    eye = centre + distance * np.array([np.sin(angle), -np.cos(angle), 0.12])
    upright = look_at(eye, centre, _WIDTH, _HEIGHT, _FOCAL_MM)
    rotation, translation = upright.Rt[:, :3], upright.Rt[:, 3]
    return Camera(upright.K, np.column_stack([rotation @ shown.axes.T, translation]), _WIDTH, _HEIGHT)


def _draw(
    shown: _Shown,
    actors: list[bpy.types.Object],
    frames: list[int],
    folder: Path,
    name: str,
    with_sticks: bool,
) -> list[tuple[str, ...]]:
    """The files of each moment."""
    made = []
    with (
        _props(shown, with_sticks) as (sticks, floor, viewer, world),
        studio.clay(actors),
        isolation.scene_with(
            [*actors, *sticks.values(), floor, viewer], actors[0] if actors else floor
        ) as scene,
    ):
        studio.set_up(scene, viewer, _camera(shown, 0, _AZIMUTHS[0]))
        scene.world = world
        for row, frame in enumerate(frames):
            scene.frame_set(frame)
            for side, member in sticks.items():
                corners = _corners(shown.sticks[side][row], shown.stature)
                member.data.vertices.foreach_set("co", corners.ravel())
                member.data.update()
            files = []
            for view, azimuth in enumerate(_AZIMUTHS):
                matrix = _camera(shown, row, azimuth).to_blender().matrix_world
                viewer.matrix_world = Matrix(matrix.tolist())
                scene.render.filepath = str(folder / f"{name}-{row:02d}-{view}.png")
                bpy.ops.render.render(write_still=True, scene=scene.name)
                files.append(scene.render.filepath)
            made.append(tuple(files))
    return made


@contextmanager
def _props(
    shown: _Shown, with_sticks: bool
) -> Iterator[tuple[dict[str, bpy.types.Object], bpy.types.Object, bpy.types.Object, bpy.types.World]]:
    """What only the pictures need: sticks, a floor, a camera and a backdrop."""
    sticks = {}
    for side, ends in shown.sticks.items() if with_sticks else ():
        corners = _corners(ends[0], shown.stature)
        sticks[side] = studio.mesh_object("A2P sticks", corners, studio.stick_faces(ends.shape[1]))
        sticks[side].color = _COLOURS[side]
    floor = studio.floor(40.0 * shown.stature)
    place = np.eye(4)
    place[:3, :3], place[:3, 3] = shown.axes, shown.floor * shown.axes[:, 2]
    floor.matrix_world = Matrix(place.tolist())
    viewer = plate.new_camera(_camera(shown, 0, 0.0), "A2P comparison camera")
    viewer.data.clip_start, viewer.data.clip_end = 0.01 * shown.stature, 100.0 * shown.stature
    world = studio.new_backdrop()
    try:
        yield sticks, floor, viewer, world
    finally:
        bpy.data.worlds.remove(world)
        bpy.data.cameras.remove(viewer.data)
        for member in (*sticks.values(), floor):
            bpy.data.meshes.remove(member.data)


def _corners(ends: FloatArray, stature: float) -> FloatArray:
    """Octahedra (S * 6, 3) along sticks (S, 2, 3)."""
    start, along = ends[:, 0], ends[:, 1] - ends[:, 0]
    length = np.linalg.norm(along, axis=1, keepdims=True)
    # Any direction across will do; the axis that is farthest from the stick's makes a safe one.
    farthest = np.eye(3)[np.argmin(np.abs(along), axis=1)]
    across = np.cross(along, farthest)
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-12)
    other = np.cross(along, across) / np.maximum(length, 1e-12)
    width = np.minimum(studio.STICK_WIDTH * length, _WIDEST_STICK * stature)
    basis = np.stack([width * across, along, width * other], axis=1)
    corners: FloatArray = start[:, None, :] + np.einsum("ca,sab->scb", studio.STICK, basis)
    return corners.reshape(-1, 3)
