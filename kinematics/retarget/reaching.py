"""Hands near where the source has them, as far as the arms can bring them there and still point alike.

On a rig of another build an arm cannot both point as the source's and end where it ends, seen from the chest
in arm lengths. Directions are what one sees first, so they have the last word: they give up to a few degrees.
Shoulders give more, downward, forward and back: nobody sees it, and the arms keep their directions. Where
hands touch each other or the face, touching is what one sees, and arms give more.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kinematics.arrays import FloatArray
from kinematics.retarget.arms import lean
from kinematics.retarget.pose import Limb, Pose
from kinematics.retarget.slots import sided
from kinematics.retarget.swing import arc
from kinematics.rotations import rotate

_TOLERANCE, _TOUCHING_TOLERANCE = 0.034, 0.015
"""Of arm length: a hand this near to its place stays, for the sake of the arm's directions."""
_LIMIT, _TOUCHING_LIMIT = np.radians(5.95), np.radians(8.0)
"""By how much no bone of an arm turns more."""
_MEAN_LIMIT = np.radians(2.8)
"""By how much, about, they turn on average over a take at most, where no hand touches anything."""
_COLLAR_LIMIT, _RAISED_LIMIT = np.radians(20.0), np.radians(6.0)
"""By how much no collar turns more, and is raised no more: shoulders can go farther, but a shrug speaks."""
_SHORTEST_COLLAR = 0.08
"""Of an arm: shorter ones would have to turn far to move it by little."""
_HOPELESS = (0.17, 0.30)
"""Arm lengths from its place at which a hand begins to be left alone, and at which it is: to go a little of
such a way would cost the arm its direction and win nothing."""
_HANDS_TOUCH = (0.12, 0.22)
_FACE_TOUCH = (0.30, 0.42)
"""Arm lengths of the source between its palms, and from a palm to the head's joint, at which hands are taken
to touch, and at which they are not."""


@dataclass(frozen=True, eq=False)
class _Hand:
    """One hand. All in arm lengths (`Figure.arm_span`) and target axes, of the source and as the rig has it.

    span: an arm length in the rig's unit. palm: (T, 3) the source's, seen from the chest.
    error: (T, 3) from where the wrist is, seen from there, to where the source has it.
    face: (T,) how much the source touches its face with the hand, 0 to 1.
    face_error: (T, 3) as `error`, but seen from the head.
    """

    span: float
    palm: FloatArray
    error: FloatArray
    face: FloatArray
    face_error: FloatArray


def reach_hands(pose: Pose) -> None:
    """Brings hands nearer to where the source's are, seen from the chest, in arm lengths."""
    arms = pose.limbs("upper_arm")
    if len(arms) < 2:
        return
    hands = [_hand(pose, arm) for arm in arms]
    touching, moves = _wanted(hands)
    spans = np.concatenate([np.full(len(hand.palm), hand.span) for hand in hands])
    move = (spans[:, None] * moves) @ pose.shrink.T
    tolerance = spans * (_TOLERANCE + touching * (_TOUCHING_TOLERANCE - _TOLERANCE))
    chains = [_segments(pose, arm) for arm in arms]
    collars, *bones = (np.concatenate(pair) for pair in zip(*chains, strict=True))
    up = np.tile(rotate(pose.chest_turn(), pose.target.up), (len(arms), 1))
    turned = _turned_collars(collars, bones, move, tolerance, touching, up)
    leant = _leant_arms(bones, move - (turned - collars), tolerance, touching)
    turns = [
        arc(_units(before), _units(after))
        for before, after in zip((collars, *bones), (turned, *leant), strict=True)
    ]
    frames = len(pose.task.source)
    for number, arm in enumerate(arms):
        own = slice(number * frames, (number + 1) * frames)
        slots = (sided("clavicle", arm[0][-1]), *arm[:2])
        given = {slot: turn[own] for slot, turn in zip(slots, turns, strict=True)}
        pose.turn_segments({slot: turn for slot, turn in given.items() if slot in pose.target.bones})


def _segments(pose: Pose, arm: Limb) -> list[FloatArray]:
    """(T, 3) each: collar, upper arm and forearm; a collar is nothing where no clavicle can move the arm."""
    shoulder, elbow, wrist = (pose.head(slot) for slot in arm)
    clavicle, bones = sided("clavicle", arm[0][-1]), pose.target.bones
    start = pose.slot_point(clavicle)
    if (
        start is None
        or not pose.rig.is_carried_by(bones[arm[0]][0], bones[clavicle][0])
        or pose.rig_length(clavicle, arm[0]) < _SHORTEST_COLLAR * pose.rig_length(*arm)
    ):
        start = shoulder
    return [shoulder - start, elbow - shoulder, wrist - elbow]


def _turned_collars(
    collars: FloatArray,
    bones: list[FloatArray],
    move: FloatArray,
    tolerance: FloatArray,
    touching: FloatArray,
    up: FloatArray,
) -> FloatArray:
    """Collars (N, 3), turned by their share of what collars and arms together can give."""
    limit = _limit(touching, _LIMIT)
    limits = [np.full_like(limit, _COLLAR_LIMIT), limit, limit]
    return _less_raised(collars, lean([collars, *bones], move, tolerance, limits)[0], up)


def _leant_arms(
    bones: list[FloatArray], move: FloatArray, tolerance: FloatArray, touching: FloatArray
) -> list[FloatArray]:
    """Upper arms and forearms (N, 3), turned by no more than their limits, and on average by less."""
    limit = _limit(touching, _LIMIT)
    leant = lean(bones, move, tolerance, [limit, limit])
    mean = _mean_turn(bones, leant, touching)
    if mean > _MEAN_LIMIT:
        limit = _limit(touching, _LIMIT * _MEAN_LIMIT / mean)
        leant = lean(bones, move, tolerance, [limit, limit])
    return leant


def _limit(touching: FloatArray, free: float) -> FloatArray:
    """(N,) radians by which bones of an arm turn at most; free: of a hand that touches nothing."""
    limit: FloatArray = free + touching * (_TOUCHING_LIMIT - free)
    return limit


def _less_raised(before: FloatArray, after: FloatArray, up: FloatArray) -> FloatArray:
    """Collars (N, 3) turned from before to after, but raised by no more than `_RAISED_LIMIT`."""
    length = np.linalg.norm(before, axis=1, keepdims=True)
    most = np.maximum(np.sin(_RAISED_LIMIT) * length, 1e-12)
    raised = np.maximum(np.sum((after - before) * up, axis=1, keepdims=True), 0.0)
    lower: FloatArray = length * _units(after + (most * np.tanh(raised / most) - raised) * up)
    return lower


def _hand(pose: Pose, arm: Limb) -> _Hand:
    task, side = pose.task, arm[2][-1]
    span, source_span = task.target.arm_span(arm), task.origin.arm_span(arm)
    chest, source_chest = pose.chest(), task.chest
    wrist, moved = pose.head(arm[2]), task.moved(arm[2])
    assert moved is not None  # the limbs are those that both figures have
    fingers = (task.moved(sided(finger, side)) for finger in ("middle", "index"))
    palm = next((knuckle for knuckle in fingers if knuckle is not None), moved)

    def error(source_from: FloatArray, seen_from: FloatArray) -> FloatArray:
        wanted: FloatArray = (moved - source_from) / source_span
        return wanted - (wrist - seen_from) @ pose.stretch.T / span

    from_chest = error(source_chest, chest)
    face, face_error = np.zeros(len(moved)), from_chest
    head, source_head = pose.slot_point("head"), task.moved("head")
    if head is not None and source_head is not None:
        face = _near(np.linalg.norm(palm - source_head, axis=1) / source_span, _FACE_TOUCH)
        face_error = error(source_head, head)
    return _Hand(span, (palm - source_chest) / source_span, from_chest, face, face_error)


def _wanted(hands: list[_Hand]) -> tuple[FloatArray, FloatArray]:
    """For both hands one after the other: how much each touches something (2 T,), 0 to 1, and by how many arm
    lengths it should move (2 T, 3)."""
    clasped = _near(np.linalg.norm(hands[0].palm - hands[1].palm, axis=1), _HANDS_TOUCH)
    errors = [hand.error + hand.face[:, None] * (hand.face_error - hand.error) for hand in hands]
    # Of hands that touch each other, it counts how they lie to each other, not where.
    apart = (errors[0] - errors[1]) / 2
    moves = []
    for hand, error, own in zip(hands, errors, (apart, -apart), strict=True):
        hopeful = _near(np.linalg.norm(error, axis=1), _HOPELESS)
        free = np.maximum(hopeful, hand.face)[:, None] * error
        moves.append(free + clasped[:, None] * (own - free))
    touching = [1 - (1 - clasped) * (1 - hand.face) for hand in hands]
    return np.concatenate(touching), np.concatenate(moves)


def _near(distance: FloatArray, bounds: tuple[float, float]) -> FloatArray:
    """(T,) 1 up to the first of two distances, 0 from the second, smooth between them."""
    part = np.clip((bounds[1] - distance) / (bounds[1] - bounds[0]), 0.0, 1.0)
    near: FloatArray = part * part * (3 - 2 * part)
    return near


def _mean_turn(before: list[FloatArray], after: list[FloatArray], touching: FloatArray) -> float:
    """Radians, over all segments and the frames in which no hand touches anything."""
    chords = [
        np.linalg.norm(_units(new) - _units(old), axis=1) for old, new in zip(before, after, strict=True)
    ]
    angles = 2 * np.arcsin(np.mean(chords, axis=0) / 2)
    weight = 1 - touching
    return float(np.sum(weight * angles) / max(np.sum(weight), 1.0))


def _units(vectors: FloatArray) -> FloatArray:
    units: FloatArray = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return units
