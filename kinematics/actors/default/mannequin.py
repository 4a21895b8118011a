"""The default actor's mesh: a tapered tube around each bone, closed at both ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from kinematics.actors.default.anatomy import Joint, frame, unit
from kinematics.actors.default.definition import FINGERS
from kinematics.arrays import FloatArray, IntArray

# Depth over width of the trunk's cross-sections.
_FLATNESS = {"b_root": 0.72, "b_spine0": 0.68, "b_spine1": 0.68, "b_spine2": 0.72, "b_spine3": 0.8}
# Rings of the head: height above the joint and radius, cm.
_HEAD = [(-1, 4.5), (2, 6.4), (5, 7.4), (9, 7.9), (13, 7.4), (16, 5.2), (17, 3.5)]
_TRUNK_BONES = (
    ("b_root", "b_spine0", 13, 12.5),
    ("b_spine0", "b_spine1", 12.5, 12),
    ("b_spine1", "b_spine2", 12, 13),
    ("b_spine2", "b_spine3", 13, 12.5),
    ("b_spine3", "b_neck0", 11, 6),
    ("b_neck0", "b_head", 5.6, 5.4),
    ("b_head", "b_head_null", 7.2, 8.2),
)
# Start and end of a bone, without "b_SIDE_", and the radii there, cm.
_LIMB_BONES = (
    ("upleg", "leg", 8.2, 5.6),
    ("leg", "foot_twist", 5.3, 3.8),
    ("talocrural", "subtalar", 3.8, 3.6),
    ("subtalar", "transversetarsal", 3.6, 3.4),
    ("transversetarsal", "ball", 3.6, 2.6),
    ("ball", "toe_null", 2.4, 1.4),
    ("shoulder", "scap", 3.5, 4.0),
    ("scap", "arm", 4.2, 4.6),
    ("arm", "arm_twist", 4.6, 4.1),
    ("arm_twist", "forearm", 4.1, 3.8),
    ("forearm", "wrist_twist", 3.8, 3.2),
    ("wrist_twist", "wrist", 3.2, 2.6),
    ("wrist", "index1", 1.5, 1.1),
    ("wrist", "middle1", 1.6, 1.2),
    ("wrist", "ring1", 1.5, 1.1),
    ("pinky0", "pinky1", 1.3, 1.0),
    ("thumb0", "thumb1", 1.3, 1.3),
    ("thumb1", "thumb2", 1.3, 1.1),
    ("thumb2", "thumb3", 1.05, 0.95),
    ("thumb3", "thumb_null", 0.95, 0.7),
)
_FINGER_RADII = dict(zip(FINGERS, (0.95, 1.0, 0.92, 0.8), strict=True))


@dataclass(frozen=True, eq=False)
class Mannequin:
    """vertices: (V, 3) cm; normals: (V, 3); faces: (F, 3); influences: (joint, share) of each vertex."""

    vertices: FloatArray
    normals: FloatArray
    faces: IntArray
    influences: list[list[tuple[int, float]]]


@dataclass
class _Builder:
    vertices: list[FloatArray] = field(default_factory=list)
    faces: list[tuple[int, int, int]] = field(default_factory=list)
    influences: list[list[tuple[int, float]]] = field(default_factory=list)

    def add(self, position: FloatArray, influences: list[tuple[int, float]]) -> int:
        self.vertices.append(position)
        self.influences.append(influences)
        return len(self.vertices) - 1


def mannequin(joints: Sequence[Joint]) -> Mannequin:
    """The mesh around the joints, in their bind pose."""
    numbers = {joint.name: number for number, joint in enumerate(joints)}
    builder = _Builder()
    for start, end, start_radius, end_radius in _bones():
        _add_bone(builder, joints, numbers, start, end, start_radius, end_radius)
    vertices, faces = np.array(builder.vertices), np.array(builder.faces)
    corners = vertices[faces]
    face_normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(normals, faces[:, corner], face_normals)
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return Mannequin(vertices, normals, faces, builder.influences)


def _bones() -> list[tuple[str, str, float, float]]:
    bones = list(_TRUNK_BONES)
    for side in "lr":

        def full(name: str, side: str = side) -> str:
            return f"p_{side}_scap" if name == "scap" else f"b_{side}_{name}"

        bones += [(full(start), full(end), near, far) for start, end, near, far in _LIMB_BONES]
        for finger, radius in _FINGER_RADII.items():
            stations = [full(f"{finger}1"), full(f"{finger}2"), full(f"{finger}3"), full(f"{finger}_null")]
            radii = [radius, radius * 0.92, radius * 0.85, radius * 0.6]
            bones += zip(stations[:-1], stations[1:], radii[:-1], radii[1:], strict=True)
    return bones


def _add_bone(
    builder: _Builder,
    joints: Sequence[Joint],
    numbers: dict[str, int],
    start: str,
    end: str,
    start_radius: float,
    end_radius: float,
) -> None:
    joint = numbers[start]
    origin, bone = joints[joint].position, joints[numbers[end]].position - joints[joint].position
    axes = _tube_axes(bone, joints[joint].axes)
    length = float(np.linalg.norm(bone))
    sides = 12 if start_radius > 5 else 8
    rings = _HEAD if start == "b_head" else _rings(length, start_radius, end_radius)
    parent = joints[joint].parent
    first = len(builder.vertices)
    for along, radius in rings:
        share = 0.0 if parent is None or start == "b_root" else _share_of_parent(along, length)
        influences = [(numbers[parent], share), (joint, 1 - share)] if parent and share else [(joint, 1.0)]
        for side in range(sides):
            angle = 2 * np.pi * side / sides
            # Local Y is forward on the trunk.
            y, z = radius * np.cos(angle) * _FLATNESS.get(start, 1.0), radius * np.sin(angle)
            builder.add(origin + axes @ np.array([along, y, z]), influences)
    for ring in range(len(rings) - 1):
        for side in range(sides):
            here = first + ring * sides + side
            beside = first + ring * sides + (side + 1) % sides
            builder.faces += [(here, beside, here + sides), (beside, beside + sides, here + sides)]
    for ring, outward in ((0, -1), (len(rings) - 1, 1)):
        along, radius = rings[ring]
        edge = first + ring * sides
        tip = origin + axes @ np.array([along + 0.25 * radius * outward, 0, 0])
        centre = builder.add(tip, builder.influences[edge])
        for side in range(sides):
            here, beside = edge + side, edge + (side + 1) % sides
            builder.faces.append((centre, here, beside) if outward > 0 else (centre, beside, here))


def _tube_axes(bone: FloatArray, joint_axes: FloatArray) -> FloatArray:
    along_y = abs(np.dot(unit(bone), joint_axes[:, 1])) >= 0.95
    return frame(bone, joint_axes[:, 2] if along_y else joint_axes[:, 1])


def _rings(length: float, start_radius: float, end_radius: float) -> list[tuple[float, float]]:
    between = [
        (part * length, start_radius + (end_radius - start_radius) * part) for part in (0.25, 0.5, 0.75)
    ]
    return [
        (-0.6 * start_radius, 0.8 * start_radius),
        (0, start_radius),
        *between,
        (length, end_radius),
        (length + 0.6 * end_radius, 0.8 * end_radius),
    ]


def _share_of_parent(along: float, length: float) -> float:
    """How far the skin near a joint still follows the joint's parent."""
    if along <= 0:
        return 0.5
    return 0.2 if along <= 0.26 * length else 0.0
