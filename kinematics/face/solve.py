"""Weights of a face's shapes that bring it nearest to a given motion, over a whole clip at once."""

from __future__ import annotations

import numpy as np

from kinematics.arrays import FloatArray
from kinematics.errors import A2PError

_STEPS = 1000
_CHECKED_EVERY = 10
_STILL = 1e-5
_SPARING = 0.004
"""Of the largest shape's size: a weight must earn this much, so that shapes do not fight each other."""
SMOOTHNESS = 0.05


def solve_weights(
    gram: FloatArray, products: FloatArray, smoothness: float = SMOOTHNESS, largest: float = 1.0
) -> FloatArray:
    """Weights (T, S) from 0 to `largest` with which shapes come nearest to a motion, smooth in time.

    gram: (S, S) inner products of the shapes. products: (T, S) of the motion in each frame with the shapes.
    smoothness: how strongly neighbouring frames are drawn together, for each shape in units of its own size.

    Non-negative least squares with a term for change over time, by accelerated projected gradients on all
    frames at once (Beck and Teboulle 2009, restarted as O'Donoghue and Candes 2015). The time term is
    symmetric, so nothing comes late. A shape that moves nothing stays 0. Raises A2PError where a number is
    not finite, ValueError where the arrays do not fit.
    """
    if gram.shape != (products.shape[1],) * 2:
        raise ValueError(f"{products.shape[1]} products a frame do not fit a gram of {gram.shape}")
    if not np.all(np.isfinite(products)):
        raise A2PError("The face holds a number that is not finite: generate the take again.")
    weights = np.zeros(products.shape)
    size = np.sqrt(np.diag(gram))
    moving = size > 1e-6 * size.max(initial=0.0)
    if len(products) and moving.any():
        size = size[moving]
        # In units of each shape's own size, small shapes count and converge as large ones do.
        likeness = gram[np.ix_(moving, moving)] / np.outer(size, size)
        toll = _SPARING * size.max()
        found = _nearest(likeness, products[:, moving] / size - toll, smoothness, largest * size)
        # What is worth its toll has paid it back, or small shapes (lids) would fall short of their mark.
        repaid = np.minimum(found + np.minimum(found, toll), largest * size)
        weights[:, moving] = repaid / size
    return weights


def _nearest(likeness: FloatArray, pull: FloatArray, smoothness: float, largest: FloatArray) -> FloatArray:
    step = 1.0 / (float(np.linalg.eigvalsh(likeness)[-1]) + 4.0 * smoothness)
    tolerance = _STILL * float(largest.max())
    found = np.zeros_like(pull)
    ahead, momentum = found, 1.0
    for number in range(1, _STEPS + 1):
        slope = ahead @ likeness - pull + smoothness * _unevenness(ahead)
        moved = np.clip(ahead - step * slope, 0.0, largest)
        change = moved - found
        if float(np.vdot(ahead - moved, change)) > 0.0:
            momentum = 1.0  # it went too far
        faster = (1.0 + np.sqrt(1.0 + 4.0 * momentum**2)) / 2.0
        ahead = moved + (momentum - 1.0) / faster * change
        found, momentum = moved, faster
        if number % _CHECKED_EVERY == 0 and float(np.abs(change).max()) < tolerance:
            break
    return found


def _unevenness(weights: FloatArray) -> FloatArray:
    """The gradient of half the squared steps between neighbouring frames."""
    steps = np.diff(weights, axis=0)
    gradient = np.zeros_like(weights)
    gradient[:-1] -= steps
    gradient[1:] += steps
    return gradient
