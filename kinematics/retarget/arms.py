"""Chains of bones that bring their end near a place without pointing much elsewhere.

What a chain can give in direction is bounded, what its end may stay away is tolerated, and in between the end
comes as near as it can. Every segment of length l and direction u turns toward one vector g, the pull, which
all of them share:

    angle = limit * x / sqrt(1 + x^2),  x = length of the part of g across u,

and the pull is what the end's remaining distance exerts: r = (tolerance / sqrt(g^2 + e^2) + stiffness) g. So
a segment never turns by its limit, segments along which the end is to go are not bent for little gain, and
all depends smoothly on the chain and the place: what moves smoothly is answered smoothly. The pull that
agrees with the distance that it leaves is found by Newton's method, for all frames at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kinematics.arrays import FloatArray

_ONSET = 0.1
"""e: how sharply pulling begins where a distance is no longer tolerated, in the pull's own unit."""
_STIFFNESS = 0.006
"""Distance that remains, of the chain's length, for a pull that brings segments to 0.7 of their limits."""
_STEPS = 20
_PRECISION = 1e-5
"""Of the chain's length."""


def lean(
    segments: Sequence[FloatArray],
    move: FloatArray,
    tolerance: FloatArray,
    limits: Sequence[FloatArray],
) -> list[FloatArray]:
    """Vectors (T, 3) of a chain's segments, turned so that the chain's end moves by about `move` (T, 3).

    tolerance: (T,) how far from there the end may stay. limits: (T,) for each segment, radians by which it
    turns no more.
    """
    vectors = [np.ascontiguousarray(segment.T) for segment in segments]
    lengths = [np.linalg.norm(vector, axis=0) for vector in vectors]
    units = [vector / np.maximum(length, 1e-12) for vector, length in zip(vectors, lengths, strict=True)]
    whole, wanted = np.sum(lengths, axis=0), move.T
    room = np.sum([limit * length for limit, length in zip(limits, lengths, strict=True)], axis=0)
    distance = np.linalg.norm(wanted, axis=0)
    far = np.clip((distance - tolerance) / np.maximum(room, 1e-12), 0.0, 1.0)
    pull = wanted * (far / np.maximum(distance, 1e-12))
    for _ in range(_STEPS):
        size = np.linalg.norm(pull, axis=0)
        onset = np.sqrt(size**2 + _ONSET**2)
        rest = tolerance / onset + _STIFFNESS * whole
        error = rest * pull - wanted
        slope = _symmetric(rest, -tolerance / onset**3, pull)
        for unit, length, limit in zip(units, lengths, limits, strict=True):
            turned, derivative = _turn(unit, pull, limit)
            error += length * turned
            slope += length * derivative
        if np.all(np.abs(error) <= _PRECISION * whole):
            break
        step = _solve(slope, error)
        # Far from the solution the turns saturate, and a whole step would go past it.
        longest = np.linalg.norm(step, axis=0)
        pull = pull - step * np.minimum(1.0, (0.5 + 0.5 * size) / np.maximum(longest, 1e-12))
    return [
        (vector + length * _turn(unit, pull, limit)[0]).T
        for vector, unit, length, limit in zip(vectors, units, lengths, limits, strict=True)
    ]


def _turn(unit: FloatArray, pull: FloatArray, limit: FloatArray) -> tuple[FloatArray, FloatArray]:
    """By how much a direction (3, T) moves under a pull (3, T), and the symmetric part of the derivative.

    The derivative, (6, T) as `_symmetric`, leaves out how the direction shortens along itself: limits are
    small angles, and Newton's method needs a slope, not the exact one.
    """
    across = pull - np.sum(unit * pull, axis=0) * unit
    square = np.sum(across**2, axis=0)
    size, shrink = np.sqrt(square), 1.0 / np.sqrt(1.0 + square)
    angle = limit * size * shrink
    sine = np.where(size > 1e-9, np.sin(angle) / np.maximum(size, 1e-9), limit)
    moved = sine * across + (np.cos(angle) - 1.0) * unit
    along = (np.cos(angle) * limit * shrink**3 - sine) / np.maximum(square, 1e-18)
    derivative = _symmetric(sine, along, across) - _symmetric(np.zeros_like(sine), sine, unit)
    return moved, derivative


def _symmetric(diagonal: FloatArray, outer: FloatArray, vector: FloatArray) -> FloatArray:
    """diagonal I + outer v v^T as its six entries xx, xy, xz, yy, yz, zz: (6, T)."""
    x, y, z = vector
    matrix: FloatArray = outer * np.stack([x * x, x * y, x * z, y * y, y * z, z * z])
    matrix[[0, 3, 5]] += diagonal
    return matrix


def _solve(matrix: FloatArray, vector: FloatArray) -> FloatArray:
    """(3, T) the solutions for symmetric matrices (6, T): many times faster than LAPACK on as many 3 x 3."""
    xx, xy, xz, yy, yz, zz = matrix
    a, b, c = yy * zz - yz * yz, xz * yz - xy * zz, xy * yz - xz * yy
    d, e, f = xx * zz - xz * xz, xy * xz - xx * yz, xx * yy - xy * xy
    x, y, z = vector
    products = np.stack([a * x + b * y + c * z, b * x + d * y + e * z, c * x + e * y + f * z])
    solution: FloatArray = products / (xx * a + xy * b + xz * c)
    return solution
