"""Rest alignment: turns that bring a target's rest limbs to where the source's rest.

With these, rigs that rest with arms raised, lowered or bent take the same pose. A turn is the shortest one
from bone to bone, so it adds no roll. Hands and feet are more than a direction: a hand has its palm, a foot
stays flat and turns about the vertical alone.
"""

from __future__ import annotations

import numpy as np

from kinematics.arrays import FloatArray
from kinematics.retarget.figure import Figure, unit
from kinematics.retarget.slots import FINGERS, SIDES, sided
from kinematics.retarget.swing import IDENTITY, arc, frame_rotation
from kinematics.rotations import quaternion_multiply, rotate

_STOOPED_DEGREES = 15.0
"""Trunks differ by less because joints sit elsewhere in the flesh; by more, because the figure stoops."""


def rest_alignment(origin: Figure, target: Figure, facing: FloatArray) -> dict[int, FloatArray]:
    """For each mapped bone of the target the turn (4,), x y z w in target axes, that aligns it in rest.

    facing: (3, 3) source axes to target axes.
    """
    turns = {bone: IDENTITY for bones in target.bones.values() for bone in bones}
    trunk = _trunk(origin, target, facing)
    for bone in target.bones.get("spine", ()):
        turns[bone] = trunk
    for side in SIDES:
        _fill(turns, target, sided("clavicle", side), trunk)
        hand = _arm(origin, target, facing, side, trunk, turns)
        for finger in FINGERS:
            _fill(turns, target, sided(f"{finger}_metacarpal", side), hand)
        for finger, copied in finger_sources(origin, target, side).items():
            source_bones = origin.bones[sided(copied[0], side)]
            _finger(origin, target, facing, sided(finger, side), source_bones, hand, turns)
        _leg(origin, target, facing, side, turns)
    return turns


def finger_sources(origin: Figure, target: Figure, side: str) -> dict[str, list[str]]:
    """For each finger of the target the fingers of the source that it copies, by name.

    Its own, or the nearest that the source has; and those that the target lacks, if it is nearest to them.
    """
    thumb = {"thumb": ["thumb"]} if origin.bones.get(sided("thumb", side)) else {}
    theirs = [finger for finger in FINGERS if sided(finger, side) in origin.bones]
    present = [finger for finger in FINGERS if sided(finger, side) in target.bones]
    if not theirs or not present:
        return thumb
    sources = {finger: [_nearest(finger, theirs)] for finger in present}
    for finger in theirs:
        if finger not in present:
            copier = sources[_nearest(finger, present)]
            copier += [finger] if finger not in copier else []
    return thumb | sources


def _nearest(finger: str, fingers: list[str]) -> str:
    return min(fingers, key=lambda other: abs(FINGERS.index(other) - FINGERS.index(finger)))


def chain_sources(source_count: int, target_count: int, *, from_tip: bool = False) -> list[int | None]:
    """Which of n source bones each of m target bones of a finger copies.

    A thumb goes from_tip: rigs differ in whether its bone in the palm is one of the thumb's. A first bone
    that the source lacks copies none.
    """
    if source_count == 0:
        return [None] * target_count
    if from_tip and source_count != target_count:
        shift = source_count - target_count
        return [bone + shift if bone + shift >= 0 else None for bone in range(target_count)]
    if target_count == 1:
        return [0]
    spread = np.linspace(0, source_count - 1, target_count)
    return [round(float(position)) for position in spread]


def _fill(turns: dict[int, FloatArray], target: Figure, slot: str, turn: FloatArray) -> None:
    for bone in target.bones.get(slot, ()):
        turns[bone] = turn


def _trunk(origin: Figure, target: Figure, facing: FloatArray) -> FloatArray:
    lines = [unit(figure.shoulder_centre - figure.hip_centre) for figure in (target, origin)]
    if lines[0] is None or lines[1] is None:
        return IDENTITY
    turn = arc(lines[0], facing @ lines[1])
    return turn if 2 * np.degrees(np.arccos(min(turn[3], 1.0))) > _STOOPED_DEGREES else IDENTITY


def _aligned(
    turn: FloatArray, target: FloatArray | None, origin: FloatArray | None, facing: FloatArray
) -> FloatArray:
    """A turn inherited from the bone above, and on to the source's direction."""
    if target is None or origin is None:
        return turn
    return quaternion_multiply(arc(rotate(turn, target), facing @ origin), turn)


def _arm(
    origin: Figure,
    target: Figure,
    facing: FloatArray,
    side: str,
    trunk: FloatArray,
    turns: dict[int, FloatArray],
) -> FloatArray:
    """Fills in upper arm, forearm and hand; returns the hand's turn."""
    upper, fore, hand = (sided(slot, side) for slot in ("upper_arm", "forearm", "hand"))
    turn = trunk
    for slot, below in ((upper, fore), (fore, hand)):
        turn = _aligned(turn, target.direction(slot, below), origin.direction(slot, below), facing)
        _fill(turns, target, slot, turn)
        _fill(turns, target, sided(f"{slot[:-2]}_twist", side), turn)
    shared = [slot for slot in target.fingers(side) if slot in origin.fingers(side)]
    palms = [_palm(figure, hand, shared) for figure in (target, origin)]
    if palms[0] is not None and palms[1] is not None:
        (along, across), (to_along, to_across) = palms[0], palms[1]
        if across is None or to_across is None:
            turn = _aligned(turn, along, to_along, facing)
        else:
            turn = frame_rotation(along, across, facing @ to_along, facing @ to_across)
    _fill(turns, target, hand, turn)
    return turn


def _palm(figure: Figure, hand: str, fingers: list[str]) -> tuple[FloatArray, FloatArray | None] | None:
    """From the wrist to the middle of the knuckles, and from the first knuckle to the last."""
    wrist = figure.point(hand)
    knuckles = [point for finger in fingers if (point := figure.point(finger)) is not None]
    if wrist is None or not knuckles:
        return None
    along = unit(np.mean(knuckles, axis=0) - wrist)
    return None if along is None else (along, unit(knuckles[-1] - knuckles[0]))


def _finger(
    origin: Figure,
    target: Figure,
    facing: FloatArray,
    slot: str,
    source_bones: tuple[int, ...],
    hand: FloatArray,
    turns: dict[int, FloatArray],
) -> None:
    turn, bones = hand, target.bones.get(slot, ())
    sources = chain_sources(len(source_bones), len(bones), from_tip=slot.startswith("thumb"))
    for position, copied in enumerate(sources):
        if copied is not None:
            directions = (_phalanx(target, bones, position), _phalanx(origin, source_bones, copied))
            turn = _aligned(turn, *directions, facing)
        turns[bones[position]] = turn


def _phalanx(figure: Figure, bones: tuple[int, ...], position: int) -> FloatArray | None:
    end = figure.points[bones[position + 1]] if position + 1 < len(bones) else figure.tip(bones[position])
    return None if end is None else unit(end - figure.points[bones[position]])


def _leg(origin: Figure, target: Figure, facing: FloatArray, side: str, turns: dict[int, FloatArray]) -> None:
    thigh, shin, foot, toe = (sided(slot, side) for slot in ("thigh", "shin", "foot", "toe"))
    turn = IDENTITY
    for slot, below in ((thigh, shin), (shin, foot)):
        turn = _aligned(turn, target.direction(slot, below), origin.direction(slot, below), facing)
        _fill(turns, target, slot, turn)
        _fill(turns, target, sided(f"{slot[:-2]}_twist", side), turn)
    headings = [figure.heading(side) for figure in (target, origin)]
    turn = IDENTITY
    if headings[0] is not None and headings[1] is not None:
        turn = arc(headings[0], facing @ headings[1])
    for slot in (foot, toe):
        _fill(turns, target, slot, turn)
