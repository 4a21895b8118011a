"""When feet stand: low and slow, long enough to be a step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kinematics.arrays import BoolArray, FloatArray
from kinematics.retarget.figure import Figure
from kinematics.retarget.slots import SIDES, sided
from kinematics.retarget.source import SourceMotion

LEG_CENTIMETRES = 85.0
"""Hip to ankle of the figure that distances in centimetres are meant for: rigs have any size and unit."""

_HEIGHT_CM = 3.0
_LANDS_BELOW = 15.0
_LEAVES_ABOVE = 25.0
"""Centimetres a second."""
_SHORTEST_SECONDS = 4 / 30
_GAP_SECONDS = 3 / 30
_FLOOR_PERCENTILE = 5.0
"""A foot's usual lowest height; captures have outliers below the floor."""


@dataclass(frozen=True)
class Contact:
    """A point of one foot that stands in frames start to end, the end not included.

    slot: "foot.L" for an ankle over its heel, "toe.L" for a ball of the foot.
    """

    slot: str
    start: int
    end: int


def find_contacts(source: SourceMotion, target: Figure) -> tuple[Contact, ...]:
    """Contacts of both feet of the source that concern a target, in order of time.

    A foot stands on one point at a time, so that it may roll: on its ball while that is down, else on its
    heel. A target without toes stands on heels.
    """
    figure = source.figure
    length = figure.limb_length("thigh", "shin", "foot")
    if length == 0 or len(source) < 2:
        return ()
    scale = LEG_CENTIMETRES / length
    found = []
    for side in SIDES:
        taken = np.zeros(len(source), dtype=bool)
        for slot in (sided("toe", side), sided("foot", side)):
            if slot not in figure.bones or slot not in target.bones:
                continue
            place = scale * source.position[:, figure.bones[slot][0]]
            stands = _standing(place, place @ figure.up, source.fps) & ~taken
            taken |= stands
            found += [Contact(slot, start, end) for start, end in _long_runs(stands, source.fps)]
    return tuple(sorted(found, key=lambda contact: contact.start))


def _standing(place: FloatArray, height: FloatArray, fps: float) -> BoolArray:
    """(T,) whether a point stands; place (T, 3) and height (T,) in centimetres."""
    low = height - np.percentile(height, _FLOOR_PERCENTILE) < _HEIGHT_CM
    speed = np.linalg.norm(np.gradient(place, axis=0), axis=1) * fps
    lands = low & (speed < _LANDS_BELOW)
    stands = np.zeros(len(place), dtype=bool)
    for start, end in _runs(low & (speed < _LEAVES_ABOVE)):
        if lands[start:end].any():
            stands[start + int(lands[start:end].argmax()) : end] = True
    for start, end in _runs(~stands):
        if start > 0 and end < len(place) and end - start <= _GAP_SECONDS * fps:
            stands[start:end] = low[start:end].all()
    return stands


def _long_runs(flags: BoolArray, fps: float) -> list[tuple[int, int]]:
    return [(start, end) for start, end in _runs(flags) if end - start >= _SHORTEST_SECONDS * fps]


def _runs(flags: BoolArray) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
