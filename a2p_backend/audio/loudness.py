"""How loud the actor is around moments of a clip, by which windows are laid where nothing is said."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from a2p_backend.audio.track import Samples


def loudness_at(samples: Samples, every: int, reach: int, count: int) -> npt.NDArray[np.float64]:
    """(count,): the first channel's root mean square within `reach` samples of every multiple of `every`.

    Past the end of the samples it is silent.
    """
    loudness = np.zeros(count)
    for number in range(count):
        heard = samples[max(number * every - reach, 0) : number * every + reach][:, 0]
        if len(heard):
            loudness[number] = np.sqrt(np.square(heard, dtype=np.float64).mean())
    return loudness
