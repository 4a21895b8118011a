"""How faithful a copied motion is, measured from where the rig's bones came to be."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from kinematics.arrays import FloatArray
from kinematics.retarget.contacts import LEG_CENTIMETRES, find_contacts
from kinematics.retarget.figure import Figure
from kinematics.retarget.maps import BoneMap
from kinematics.retarget.rig import Rig
from kinematics.retarget.slots import LIMBS, SIDES, sided
from kinematics.retarget.source import SourceMotion
from kinematics.retarget.task import Task
from kinematics.rotations import quaternion_conjugate, quaternion_from_matrix, quaternion_multiply

_JUMP_DEGREES = 60.0
_HAND_PERCENTILE = 99.0


@dataclass(frozen=True)
class Fidelity:
    """limb_direction_mean_deg, limb_direction_p99_deg: between the directions of arms' and legs' bones.
    hand_error_arm_fraction: how far hands are, seen from the chest, from where the source has them, as a part
    of `Figure.arm_span`; 99th percentile. Seen from where the chest carries the place that lies between the
    shoulders at rest: shoulders that rise take the hands along.
    foot_slide_cm: the farthest that a foot moves level while it stands, on a figure of human size.
    max_step_deg: the largest turn of a bone in one frame, where the source's bones do not jump.
    """

    limb_direction_mean_deg: float
    limb_direction_p99_deg: float
    hand_error_arm_fraction: float
    foot_slide_cm: float
    max_step_deg: float

    def to_json(self) -> dict[str, float]:
        """The figures by name."""
        return asdict(self)


def measure(source: SourceMotion, rig: Rig, bone_map: BoneMap, matrices: FloatArray) -> Fidelity:
    """Compares the source with matrices (T, J, 4, 4) of the rig's bones in rig space, frame by frame.

    The matrices are the rig's as its program evaluates it (Blender: `pose_bone.matrix`), or `pose_matrices`.
    What a figure lacks counts as 0.
    """
    task = Task(source, Figure(rig, bone_map.indices(rig)))
    points = matrices[..., :3, 3] @ rig.stretch.T
    angles = _limb_angles(task, points)
    return Fidelity(
        limb_direction_mean_deg=float(np.mean(angles)) if angles.size else 0.0,
        limb_direction_p99_deg=float(np.percentile(angles, 99)) if angles.size else 0.0,
        hand_error_arm_fraction=_hand_error(task, points, matrices),
        foot_slide_cm=_foot_slide(task, points),
        max_step_deg=_largest_step(task, matrices),
    )


def _limb_angles(task: Task, points: FloatArray) -> FloatArray:
    """Degrees (N,) of all limb bones in all frames."""
    found = []
    for side in SIDES:
        for upper, lower, end in LIMBS:
            for slots in ((upper, lower), (lower, end)):
                target = [_path(task, points, sided(slot, side)) for slot in slots]
                origin = [task.moved(sided(slot, side)) for slot in slots]
                if target[0] is None or target[1] is None or origin[0] is None or origin[1] is None:
                    continue
                found.append(_angles(target[1] - target[0], origin[1] - origin[0]))
    return np.concatenate(found) if found else np.zeros(0)


def _angles(a: FloatArray, b: FloatArray) -> FloatArray:
    cross = np.linalg.norm(np.cross(a, b), axis=1)
    degrees: FloatArray = np.degrees(np.arctan2(cross, np.sum(a * b, axis=1)))
    return degrees


def _path(task: Task, points: FloatArray, slot: str) -> FloatArray | None:
    bones = task.target.bones.get(slot)
    return points[:, bones[0]] if bones else None


def _hand_error(task: Task, points: FloatArray, matrices: FloatArray) -> float:
    if any(sided("upper_arm", side) not in task.target.bones for side in SIDES):
        return 0.0
    chest = _chest(task.target, matrices)
    errors = []
    for side in SIDES:
        arm = (sided("upper_arm", side), sided("forearm", side), sided("hand", side))
        hand, moved = _path(task, points, arm[2]), task.moved(arm[2])
        if hand is None or moved is None:
            continue
        spans = task.target.arm_span(arm), task.origin.arm_span(arm)
        apart = (hand - chest) / spans[0] - (moved - task.chest) / spans[1]
        errors.append(np.linalg.norm(apart, axis=1))
    return float(np.percentile(np.concatenate(errors), _HAND_PERCENTILE)) if errors else 0.0


def _chest(figure: Figure, matrices: FloatArray) -> FloatArray:
    """(T, 3) where the chest carries the place that lies between the shoulders at rest."""
    rig, bone = figure.rig, figure.chest
    place = np.append(rig.heads[bone] + figure.chest_offset, 1.0)
    carried: FloatArray = (matrices[:, bone] @ np.linalg.solve(rig.rest[bone], place))[:, :3] @ rig.stretch.T
    return carried


def _foot_slide(task: Task, points: FloatArray) -> float:
    leg = task.target.limb_length("thigh", "shin", "foot")
    up, slides = task.target.up, [0.0]
    for contact in find_contacts(task.source, task.target):
        path = _path(task, points, contact.slot)
        if path is None or leg == 0:
            continue
        moved = path[contact.start : contact.end] - np.median(path[contact.start : contact.start + 3], axis=0)
        level = moved - (moved @ up)[:, None] * up
        slides.append(float(np.linalg.norm(level, axis=1).max()) * LEG_CENTIMETRES / leg)
    return max(slides)


def _largest_step(task: Task, matrices: FloatArray) -> float:
    """Degrees; frames in which any mapped bone of the source jumps do not count."""
    source = task.source
    copied = sorted({bone for chain in task.origin.bones.values() for bone in chain})
    bones = sorted({bone for chain in task.target.bones.values() for bone in chain})
    if len(source) < 2:
        return 0.0
    calm = _steps(source.rotation[:, copied]).max(axis=1) < _JUMP_DEGREES
    steps = _steps(quaternion_from_matrix(matrices[:, bones, :3, :3])).max(axis=1)
    return float(steps[calm].max(initial=0.0))


def _steps(rotation: FloatArray) -> FloatArray:
    """Degrees (T - 1, J) by which rotations (T, J, 4) change from frame to frame."""
    change = quaternion_multiply(rotation[1:], quaternion_conjugate(rotation[:-1]))
    degrees: FloatArray = 2 * np.degrees(
        np.arctan2(np.linalg.norm(change[..., :3], axis=-1), np.abs(change[..., 3]))
    )
    return degrees
