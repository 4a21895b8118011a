"""Where standing feet belong, and what of it the hips can give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kinematics.arrays import FloatArray
from kinematics.retarget.contacts import Contact
from kinematics.smoothing import smooth

_BLEND_SECONDS = 4 / 30
_SETTLING_FRAMES = 3
_HIPS_HERTZ = 2.5
"""Hips follow their feet no faster than a body sways."""
_HIPS_STAY = 0.05
"""Weight of the hips' own way against that of one standing foot."""


@dataclass(frozen=True, eq=False)
class FootMoves:
    """move: (T, 3) by how much a foot must move so that its standing points stand.
    weight: (T, 1) 1 while it stands, 0 where it is free, between where the move fades.
    """

    move: FloatArray
    weight: FloatArray


def foot_moves(
    contacts: Sequence[Contact], paths: Mapping[str, FloatArray], fps: float, frames: int
) -> FootMoves:
    """The moves of one foot.

    contacts: of this foot, in order of time, one at a time. paths: (T, 3) of its points by slot, unmoved.
    The move fades in before a contact and out after it, but from heel to ball it goes over as it is: there
    the ball stands where the heel's move has brought it.
    """
    blend = max(1, round(_BLEND_SECONDS * fps))
    moves, weight = np.zeros((frames, 3)), np.zeros((frames, 1))
    last = None
    for number, (contact, place) in enumerate(zip(contacts, _places(contacts, paths), strict=True)):
        path = paths[contact.slot]
        # Fades stop where other contacts begin and end: within these the foot does not give.
        begin = max(last.end if last else 0, contact.start - blend)
        after = contacts[number + 1].start if number + 1 < len(contacts) else frames
        end = min(after, contact.end + blend)
        span = np.arange(begin, end)
        distance = np.maximum(np.maximum(contact.start - span, span - (contact.end - 1)), 0)
        ease = 0.5 + 0.5 * np.cos(np.pi * distance / (blend + 1))
        moves[span] += ease[:, None] * (place - path[span])
        weight[span] += ease[:, None]
        last = contact
    return FootMoves(moves / np.maximum(weight, 1.0), np.minimum(weight, 1.0))


def _places(contacts: Sequence[Contact], paths: Mapping[str, FloatArray]) -> list[FloatArray]:
    """(3,) where the point of each contact stands: in the middle of where it is while it, and what the foot
    goes over to without a pause, stands. So the foot moves as little as can be."""
    places: list[FloatArray] = []
    first = 0
    for number, contact in enumerate(contacts):
        path, last = paths[contact.slot], contacts[number - 1]
        if number and last.end == contact.start:
            place = path[contact.start] + places[-1] - paths[last.slot][contact.start]
        else:
            first = number
            settled = min(contact.start + _SETTLING_FRAMES, contact.end)
            place = np.median(path[contact.start : settled], axis=0)
        places.append(place)
        if number + 1 == len(contacts) or contacts[number + 1].start != contact.end:
            together = range(first, number + 1)
            moves = [
                places[each] - paths[contacts[each].slot][contacts[each].start : contacts[each].end]
                for each in together
            ]
            middle = np.concatenate(moves).mean(axis=0)
            for each in together:
                places[each] = places[each] - middle
    return places


def hips_move(feet: Sequence[FootMoves], fps: float) -> FloatArray:
    """(T, 3) by how much the hips go along with standing feet, so that the legs need not bend.

    What two standing feet do not share, and what is faster than hips sway, is left to the legs.
    """
    weight = np.sum([foot.weight for foot in feet], axis=0)
    shared = np.sum([foot.move for foot in feet], axis=0) / (weight + _HIPS_STAY)
    return smooth(shared, _HIPS_HERTZ, fps)
