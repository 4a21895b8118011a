"""Weights of a face's shapes that bring it nearest to a given geometry, frame after frame."""

from __future__ import annotations

import numpy as np

from kinematics.arrays import FloatArray
from kinematics.errors import A2PError

_STEPS = 400
_SPARING = 0.004
"""Of a shape's own size: a weight must earn this much, so that shapes do not work against each other."""
_SMOOTHNESS = 0.02


def solve_weights(
    geometry: FloatArray, shapes: FloatArray, smoothness: float = _SMOOTHNESS, largest: float = 1.0
) -> FloatArray:
    """Weights (T, S) from 0 to `largest` with which `shapes` come nearest to `geometry`, smooth in time.

    geometry: (T, V, 3) displacements from rest. shapes: (S, V, 3) displacements by each shape, same vertices.
    smoothness: how strongly neighbouring frames are drawn together, in units of the largest shape.

    Non-negative least squares with a term for change over time, by accelerated projected gradients on all
    frames at once. The time term is symmetric, so nothing comes late. Raises A2PError where a number is not
    finite, ValueError where the vertices do not fit.
    """
    if geometry.shape[1:] != shapes.shape[1:]:
        raise ValueError(f"vertices of {geometry.shape} do not fit those of shapes {shapes.shape}")
    if not np.all(np.isfinite(geometry)):
        raise A2PError("The face holds a number that is not finite: generate the take again.")
    basis = shapes.reshape(len(shapes), -1).astype(np.float64)
    gram = basis @ basis.T
    size = float(np.diag(gram).max(initial=0.0))
    if size == 0.0 or not len(geometry):
        return np.zeros((len(geometry), len(shapes)))
    pull = geometry.reshape(len(geometry), -1) @ basis.T - _SPARING * np.sqrt(size * np.diag(gram))
    curb = smoothness * size
    step = 1.0 / (float(np.linalg.eigvalsh(gram)[-1]) + 4.0 * curb)

    weights = np.zeros((len(geometry), len(shapes)))
    ahead, momentum = weights, 1.0
    for _ in range(_STEPS):
        slope = ahead @ gram - pull + curb * _unevenness(ahead)
        moved = np.clip(ahead - step * slope, 0.0, largest)
        faster = (1.0 + np.sqrt(1.0 + 4.0 * momentum**2)) / 2.0
        ahead = moved + (momentum - 1.0) / faster * (moved - weights)
        weights, momentum = moved, faster
    return weights


def _unevenness(weights: FloatArray) -> FloatArray:
    """The gradient of half the squared steps between neighbouring frames."""
    steps = np.diff(weights, axis=0)
    gradient = np.zeros_like(weights)
    gradient[:-1] -= steps
    gradient[1:] += steps
    return gradient
