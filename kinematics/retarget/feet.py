"""Where standing feet belong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from kinematics.arrays import FloatArray
from kinematics.retarget.contacts import Contact

_BLEND_SECONDS = 4 / 30
_SETTLING_FRAMES = 3


def foot_moves(
    contacts: Sequence[Contact], paths: Mapping[str, FloatArray], fps: float, frames: int
) -> FloatArray:
    """(T, 3) by how much one foot must move so that its standing points stand.

    contacts: of this foot, in order of time, one at a time. paths: (T, 3) of its points by slot, unmoved.
    A point stands where it came to stand. The move fades in before a contact and out after it, but from heel
    to ball it goes over as it is: there the ball stands where the heel's move has brought it.
    """
    blend = max(1, round(_BLEND_SECONDS * fps))
    moves, weight = np.zeros((frames, 3)), np.zeros((frames, 1))
    place, last = np.zeros(3), None
    for number, contact in enumerate(contacts):
        path = paths[contact.slot]
        if last is not None and last.end == contact.start:
            place = path[contact.start] + place - paths[last.slot][contact.start]
        else:
            place = np.median(
                path[contact.start : min(contact.start + _SETTLING_FRAMES, contact.end)], axis=0
            )
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
    normalised: FloatArray = moves / np.maximum(weight, 1.0)
    return normalised
