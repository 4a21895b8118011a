"""Feet that stand where they came to stand: hips and pelvis go along, and knees give the rest."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from kinematics.arrays import FloatArray
from kinematics.retarget.contacts import Contact
from kinematics.retarget.feet import FootMoves, foot_moves, hips_move
from kinematics.retarget.limbs import reach
from kinematics.retarget.pose import Limb, Pose
from kinematics.retarget.swing import arc
from kinematics.rotations import rotate

_OFTEN = 0.1
"""Part of the planted frames in which a leg may be too short for its foot before the hips come down."""
_STRAIGHT = 0.999
"""Of a leg's length."""
_PELVIS_STAYS = 0.25
"""How much a turn of the pelvis weighs against the same turn of a leg: wide hips on short legs turn less than
the source's, those of a human's build hardly differ."""


def plant_feet(pose: Pose, contacts: tuple[Contact, ...]) -> None:
    """Holds standing feet where they came to stand."""
    legs = pose.limbs("thigh")
    paths = {
        contact.slot: point for contact in contacts if (point := pose.slot_point(contact.slot)) is not None
    }
    feet = [_moves(pose, leg, contacts, paths) for leg in legs]
    if not feet:
        return
    along = hips_move(feet, pose.task.source.fps)
    # A foot in the air goes along with the hips.
    goals = {
        leg: pose.head(leg[2]) + foot.move + (1 - foot.weight) * along
        for leg, foot in zip(legs, feet, strict=True)
    }
    pose.move_hips(along)
    _turn_pelvis(pose, goals)
    _lower_hips(pose, goals)
    for leg, goal in goals.items():
        _reach(pose, leg, goal)


def _moves(
    pose: Pose, leg: Limb, contacts: tuple[Contact, ...], paths: Mapping[str, FloatArray]
) -> FootMoves:
    side = leg[2][-1]
    own = [contact for contact in contacts if contact.slot[-1] == side and contact.slot in paths]
    return foot_moves(own, paths, pose.task.source.fps, len(pose.task.source))


def _turn_pelvis(pose: Pose, goals: Mapping[Limb, FloatArray]) -> None:
    """Turns the pelvis between the hip joints by a part of what its feet are apart too much or too little.

    The part that turns pelvis and legs together the least, by squares.
    """
    if len(goals) < 2:
        return
    left, right = goals
    across = (pose.head(left[0]) - pose.head(right[0])) / 2
    length = np.linalg.norm(across, axis=1, keepdims=True)
    if not np.all(length > 0):
        return
    apart = [goal - pose.head(leg[2]) for leg, goal in goals.items()]
    leg_length = pose.rig_length(*left)
    part = length**2 / (length**2 + _PELVIS_STAYS / 4 * leg_length**2)
    wanted = across + part * (apart[0] - apart[1]) / 2
    wanted = wanted / np.linalg.norm(wanted, axis=1, keepdims=True)
    pose.turn_pelvis(arc(across / length, wanted))


def _lower_hips(pose: Pose, goals: Mapping[Limb, FloatArray]) -> None:
    """Brings the hips down where legs are often too short for their feet.

    What is as straight as the source's leg is not too short: straight knees are seen to bend by very little.
    """
    excess = []
    for leg, goal in goals.items():
        hip, foot = pose.head(leg[0]), pose.head(leg[2])
        straight = np.maximum(np.linalg.norm(foot - hip, axis=1), _STRAIGHT * pose.rig_length(*leg))
        excess.append(np.linalg.norm(goal - hip, axis=1) - straight)
    short = np.max(excess, axis=0)
    if np.mean(short > 0) > _OFTEN:
        pose.move_hips(pose.shrink @ (-np.median(short[short > 0]) * pose.target.up))


def _reach(pose: Pose, limb: Limb, goal: FloatArray) -> None:
    forward = pose.target.frame[:, 2]
    pole = rotate(pose.turns[pose.target.bones[limb[0]][0]], forward)
    root, joint, end = (pose.head(slot) for slot in limb)
    result = reach(root, joint, end, goal, pole)
    pose.turn_segments({limb[0]: result.upper, limb[1]: result.lower})
