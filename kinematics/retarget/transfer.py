"""Which turn of the source each bone of the target takes.

A turn is a bone's rotation from its rest, in the world: it knows nothing of bone axes and hierarchies, so
that bones which one skeleton has and the other lacks do no harm. Chains of different counts are interpolated;
the roll of arms and legs is shared out among twist bones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kinematics.arrays import FloatArray
from kinematics.retarget.alignment import chain_sources, finger_sources
from kinematics.retarget.figure import Figure
from kinematics.retarget.slots import FINGERS, LIMBS, SIDES, sided
from kinematics.retarget.source import SourceMotion
from kinematics.retarget.swing import about, roll_angle, times
from kinematics.rotations import (
    quaternion_conjugate,
    quaternion_multiply,
    slerp,
)


class Turns:
    """The source's turns (T, 4), in target axes, bone by bone as they are asked for."""

    def __init__(self, source: SourceMotion, facing: FloatArray) -> None:
        self._source, self._facing = source, facing
        self._known: dict[int, FloatArray] = {}
        self.figure = source.figure

    def of_bone(self, bone: int) -> FloatArray:
        """(T, 4) of one source bone."""
        if bone not in self._known:
            rest = self._source.rig.rest_rotations[bone]
            # A A0^-1, and its axis turned by F: all constants in one matrix.
            constant = times(quaternion_conjugate(rest))
            constant[:, :3] = constant[:, :3] @ self._facing.T
            self._known[bone] = self._source.rotation[:, bone] @ constant
        return self._known[bone]

    def of_slot(self, slot: str, position: int = 0) -> FloatArray | None:
        """(T, 4) of one bone of a slot; None where the slot is empty."""
        bones = self.figure.bones.get(slot)
        return self.of_bone(bones[position]) if bones else None

    def direction(self, slot: str, next_slot: str) -> FloatArray | None:
        """(3,) rest direction of a source limb, in target axes."""
        direction = self.figure.direction(slot, next_slot)
        return None if direction is None else self._facing @ direction


def copied_turns(turns: Turns, target: Figure) -> dict[int, FloatArray]:
    """For each bone of the target that the source moves, its turn (T, 4)."""
    copied: dict[int, FloatArray] = {}
    for slot in ("hips", "head"):
        _copy(copied, turns, target, slot)
    _spine(copied, turns, target)
    _neck(copied, turns, target)
    for side in SIDES:
        _clavicle(copied, turns, target, sided("clavicle", side))
        for slot in ("hand", "foot", "toe"):
            _copy(copied, turns, target, sided(slot, side))
        for limb in LIMBS:
            _limb(copied, turns, target, side, limb)
        _fingers(copied, turns, target, side)
    return copied


def _copy(copied: dict[int, FloatArray], turns: Turns, target: Figure, slot: str) -> None:
    turn = turns.of_slot(slot)
    if turn is not None:
        copied.update(dict.fromkeys(target.bones.get(slot, ()), turn))


def _along(figure: Figure, bones: tuple[int, ...]) -> FloatArray:
    """Places (n,) of bones on the way from the first to the last, 0 to 1."""
    steps = np.linalg.norm(np.diff(figure.points[list(bones)], axis=0), axis=1)
    places = np.concatenate([[0.0], np.cumsum(steps)])
    return places / places[-1] if places[-1] > 0 else np.linspace(0, 1, len(bones))


def _spine(copied: dict[int, FloatArray], turns: Turns, target: Figure) -> None:
    """Bones by their place between hips and chest; the chest's turn is exact."""
    bones, source_bones = target.bones.get("spine", ()), turns.figure.bones.get("spine", ())
    if not bones or not source_bones:
        return
    hips, source_hips = target.bones.get("hips", ()), turns.figure.bones.get("hips", ())
    places = _along(target, (*hips, *bones))[len(hips) :]
    chain = (*source_hips, *source_bones)
    source_places = _along(turns.figure, chain)
    for bone, place in zip(bones, places, strict=True):
        if len(bones) <= len(source_bones):
            copied[bone] = turns.of_bone(chain[int(np.abs(source_places - place).argmin())])
            continue
        above = int(np.searchsorted(source_places, place).clip(1, len(chain) - 1)) if len(chain) > 1 else 0
        below = max(above - 1, 0)
        span = source_places[above] - source_places[below]
        fraction = np.clip((place - source_places[below]) / span, 0, 1) if span > 0 else 1.0
        copied[bone] = slerp(turns.of_bone(chain[below]), turns.of_bone(chain[above]), fraction)
    copied[bones[-1]] = turns.of_bone(source_bones[-1])


def _neck(copied: dict[int, FloatArray], turns: Turns, target: Figure) -> None:
    """Bones by their number between chest and head."""
    bones, source_bones = target.bones.get("neck", ()), turns.figure.bones.get("neck", ())
    head = turns.figure.bones.get("head", ())
    chain = (*source_bones, *head) if source_bones else (*turns.figure.bones.get("spine", ())[-1:], *head)
    if not chain:
        return
    count = max(len(source_bones), 1)
    for number, bone in enumerate(bones):
        # Without a neck of its own the source's lies halfway from chest to head.
        place = number * count / len(bones) if source_bones else (number + 1) / (len(bones) + 1)
        below = min(int(place), len(chain) - 1)
        above = min(below + 1, len(chain) - 1)
        copied[bone] = slerp(turns.of_bone(chain[below]), turns.of_bone(chain[above]), place - below)


def _clavicle(copied: dict[int, FloatArray], turns: Turns, target: Figure, slot: str) -> None:
    source_bones = turns.figure.bones.get(slot, ())
    for number, bone in enumerate(target.bones.get(slot, ())):
        if source_bones:
            copied[bone] = turns.of_bone(source_bones[min(number, len(source_bones) - 1)])


@dataclass(frozen=True, eq=False)
class _Segment:
    """One bone of a limb in both figures.

    bone, next_bone: of the target. twists: its twist bones in order. axis: (3,) the source's limb in rest, in
    target axes. main: (T, 4) the source bone's turn. source_twist: (T, 4) of its last twist bone.
    """

    bone: int
    next_bone: int
    twists: list[int]
    axis: FloatArray
    main: FloatArray
    source_twist: FloatArray | None


def _limb(
    copied: dict[int, FloatArray], turns: Turns, target: Figure, side: str, limb: tuple[str, ...]
) -> None:
    """A limb's two bones and their twist bones; its end is copied elsewhere."""
    upper, lower, end = limb
    segment = _segment(copied, turns, target, side, upper, lower)
    if segment is not None:
        above = ("clavicle", "spine", "hips") if upper == "upper_arm" else ("hips",)
        slots = (slot for name in above for slot in (name, sided(name, side)))
        carrier = next((turn for slot in slots if (turn := turns.of_slot(slot, -1)) is not None), None)
        _upper_bone(copied, target, segment, carrier)
    segment = _segment(copied, turns, target, side, lower, end)
    if segment is not None:
        _lower_bone(copied, segment, turns.of_slot(sided(end, side)))


def _segment(
    copied: dict[int, FloatArray], turns: Turns, target: Figure, side: str, name: str, next_name: str
) -> _Segment | None:
    """The bone `name` of a limb; it is copied as it is where there is no more to tell about it."""
    slot, next_slot, twist = (sided(part, side) for part in (name, next_name, f"{name}_twist"))
    main = turns.of_slot(slot)
    if main is None or slot not in target.bones:
        return None
    bone = target.bones[slot][0]
    copied[bone] = main
    axis, line = turns.direction(slot, next_slot), target.direction(slot, next_slot)
    if axis is None or line is None:
        return None
    # Families number twist bones either way.
    twists = sorted(target.bones.get(twist, ()), key=lambda bone: float(target.points[bone] @ line))
    return _Segment(bone, target.bones[next_slot][0], twists, axis, main, turns.of_slot(twist, -1))


def _upper_bone(
    copied: dict[int, FloatArray], target: Figure, segment: _Segment, carrier: FloatArray | None
) -> None:
    """Upper arm or thigh: rolled wholly, because its end carries the plane of elbow or knee.

    Without twist bones in the source the roll is that from the bone that carries the limb.
    """
    end = segment.main if segment.source_twist is None else segment.source_twist
    copied[segment.bone] = end
    start = carrier if segment.source_twist is None else segment.main
    if not segment.twists or start is None:
        return
    roll = _roll(start, end, segment.axis)
    start = quaternion_multiply(end, about(segment.axis, -roll))
    in_line = target.rig.is_carried_by(segment.next_bone, segment.twists[-1])
    if in_line:
        copied[segment.bone] = start
    for number, twist in enumerate(segment.twists, 1):
        # Beside the bone, the first of several twist bones lies at the shoulder and undoes its roll.
        part = number / len(segment.twists) if in_line else _fraction(target, segment, twist)
        copied[twist] = quaternion_multiply(start, about(segment.axis, part * roll))


def _lower_bone(copied: dict[int, FloatArray], segment: _Segment, end: FloatArray | None) -> None:
    """Forearm or shin: a hinge above, whose roll grows to that of the source's twist bone, or of its end."""
    last = end if segment.source_twist is None else segment.source_twist
    if last is None or (not segment.twists and segment.source_twist is None):
        return
    roll = _roll(segment.main, last, segment.axis)
    parts = [number / (len(segment.twists) + 1) for number in range(1, len(segment.twists) + 1)]
    # A forearm without twist bones is twisted halfway, so that the skin of elbow and wrist share the rest.
    for bone, part in zip(segment.twists or [segment.bone], parts or [0.5], strict=True):
        copied[bone] = quaternion_multiply(segment.main, about(segment.axis, part * roll))


def _roll(start: FloatArray, end: FloatArray, axis: FloatArray) -> FloatArray:
    return roll_angle(quaternion_multiply(quaternion_conjugate(start), end), axis)


def _fraction(target: Figure, segment: _Segment, twist: int) -> float:
    """Where a twist bone sits along its limb, 0 to 1."""
    start, end = target.points[segment.bone], target.points[segment.next_bone]
    line = end - start
    return float(np.clip((target.points[twist] - start) @ line / (line @ line), 0, 1))


def _fingers(copied: dict[int, FloatArray], turns: Turns, target: Figure, side: str) -> None:
    hand = turns.of_slot(sided("hand", side))
    if hand is None:
        return
    for slot in (f"{finger}_metacarpal" for finger in FINGERS):
        for bone in target.bones.get(sided(slot, side), ()):
            # A hand that is no one bone: what the hand does not carry turns as it does.
            if not target.rig.is_carried_by(bone, target.bones.get(sided("hand", side), (-1,))[0]):
                copied[bone] = hand
    for finger, names in finger_sources(turns.figure, target, side).items():
        bones = target.bones.get(sided(finger, side), ())
        chains = [turns.figure.bones[sided(name, side)] for name in names]
        numbers = [chain_sources(len(chain), len(bones), from_tip=finger == "thumb") for chain in chains]
        above, copied_above = hand, [hand for _ in chains]
        for bone, *sources in zip(bones, *numbers, strict=True):
            chosen = [
                turns.of_bone(chain[source]) if source is not None else before
                for chain, source, before in zip(chains, sources, copied_above, strict=True)
            ]
            if all(source is None for source in sources):
                continue
            above = chosen[0] if len(chosen) == 1 else _mean_turn(above, copied_above, chosen)
            copied[bone], copied_above = above, chosen


def _mean_turn(above: FloatArray, befores: list[FloatArray], turns: list[FloatArray]) -> FloatArray:
    """A turn (T, 4) that bends from the bone above as turns bend from those before them, on average.

    Whole fingers' curls may be more than half a turn apart; those of single joints are not.
    """
    bends = [
        quaternion_multiply(quaternion_conjugate(before), turn)
        for before, turn in zip(befores, turns, strict=True)
    ]
    total = sum(np.where(np.sum(bend * bends[0], axis=1, keepdims=True) < 0, -bend, bend) for bend in bends)
    mean: FloatArray = total / np.linalg.norm(total, axis=1, keepdims=True)
    return quaternion_multiply(above, mean)
