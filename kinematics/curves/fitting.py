"""Values and slopes at chosen keys that lie nearest to dense curves, in the least-squares sense."""

from __future__ import annotations

import numpy as np

from kinematics.arrays import BoolArray, FloatArray, IntArray
from kinematics.curves.keys import Keys, hermite

_RIDGE = 1e-9
"""Keeps slopes between two neighbouring keyed frames determined; far below what a key can show."""


def fit(dense: FloatArray, keyed: BoolArray, slopes: FloatArray) -> tuple[list[Keys], FloatArray]:
    """Smooth cubics through the keyed frames (G, T) of dense curves (G, T, C); also evaluated, (G, T, C).

    Each group's normal equations are a chain of 2 x 2 blocks, so all groups are solved at once in as many
    steps as the busiest of them has keys. Where data leave a slope open, it is drawn to `slopes` (G, T, C).
    """
    groups, frames, _ = dense.shape
    counts = keyed.sum(axis=1)
    most = int(counts.max())
    group, frame = np.nonzero(keyed)
    place = np.concatenate([np.arange(count) for count in counts])
    at = np.zeros((groups, most), np.int64)
    at[group, place] = frame

    time = np.arange(frames)
    left = np.minimum(np.cumsum(keyed, axis=1) - 1, counts[:, None] - 2)
    start = np.take_along_axis(at, left, axis=1)
    length = np.take_along_axis(at, left + 1, axis=1) - start
    weights = np.stack(hermite((time - start) / length, length), axis=-1)  # (G, T, 4)

    blocks, right_hand = _normal_equations(weights, left, dense, most)
    wanted = np.zeros((groups, most, 2, dense.shape[2]))
    wanted[group, place, 1] = slopes[group, frame]
    diagonal = blocks[0]
    diagonal[..., 1, 1] += _RIDGE
    right_hand[..., 1, :] += _RIDGE * wanted[..., 1, :]
    unused = np.arange(most) >= counts[:, None]
    diagonal[unused] = np.eye(2)
    solution = _solve_chain(diagonal, blocks[1], right_hand)  # (G, K, 2, C)

    everyone = np.arange(groups)[:, None]
    ends = np.concatenate([solution[everyone, left], solution[everyone, left + 1]], axis=2)
    keys = [
        Keys(at[index, :count], solution[index, :count, 0], solution[index, :count, 1])
        for index, count in enumerate(counts)
    ]
    return keys, np.einsum("gtw,gtwc->gtc", weights, ends)


def _normal_equations(
    weights: FloatArray, left: IntArray, dense: FloatArray, most: int
) -> tuple[tuple[FloatArray, FloatArray], FloatArray]:
    """Blocks on (G, K, 2, 2) and beside (G, K, 2, 2) the diagonal, and the right side (G, K, 2, C)."""
    groups, _, curves = dense.shape
    products = weights[..., :, None] * weights[..., None, :]
    targets = weights[..., :, None] * dense[..., None, :]
    first = left + most * np.arange(groups)[:, None]

    def gathered(values: FloatArray, where: IntArray) -> FloatArray:
        columns = values.reshape(-1, values.shape[-2] * values.shape[-1])
        sums = [np.bincount(where.ravel(), column, groups * most) for column in columns.T]
        summed: FloatArray = np.array(sums, np.float64).T.reshape(groups, most, *values.shape[-2:])
        return summed

    diagonal = gathered(products[..., :2, :2], first) + gathered(products[..., 2:, 2:], first + 1)
    beside = gathered(products[..., :2, 2:], first)
    right_hand = gathered(targets[..., :2, :], first) + gathered(targets[..., 2:, :], first + 1)
    return (diagonal, beside), right_hand.reshape(groups, most, 2, curves)


def _solve_chain(diagonal: FloatArray, beside: FloatArray, right_hand: FloatArray) -> FloatArray:
    """Solve symmetric block-tridiagonal systems by elimination along the chain."""
    steps = diagonal.shape[1]
    carried = np.empty_like(beside)
    solution = np.empty_like(right_hand)
    pivot, value = diagonal[:, 0], right_hand[:, 0]
    for step in range(steps):
        if step:
            across = beside[:, step - 1].swapaxes(1, 2)
            pivot = diagonal[:, step] - across @ carried[:, step - 1]
            value = right_hand[:, step] - across @ solution[:, step - 1]
        inverse = _inverse(pivot)
        carried[:, step] = inverse @ beside[:, step]
        solution[:, step] = inverse @ value
    for step in range(steps - 2, -1, -1):
        solution[:, step] -= carried[:, step] @ solution[:, step + 1]
    return solution


def _inverse(blocks: FloatArray) -> FloatArray:
    """Of symmetric 2 x 2 blocks (G, 2, 2)."""
    a, b, d = blocks[:, 0, 0], blocks[:, 0, 1], blocks[:, 1, 1]
    inverse = np.stack([np.stack([d, -b], axis=-1), np.stack([-b, a], axis=-1)], axis=-2)
    determined: FloatArray = inverse / (a * d - b * b)[:, None, None]
    return determined
