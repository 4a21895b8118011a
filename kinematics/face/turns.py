"""Turns and ramps of which a face's shapes are made."""

from __future__ import annotations

import numpy as np

from kinematics.arrays import FloatArray


def turned_about_x(local: FloatArray, radians: float) -> FloatArray:
    """Displacements (N, 3) by a turn that takes what is ahead down."""
    cosine, sine = np.cos(radians), np.sin(radians)
    _, y, z = local.T
    return np.stack([np.zeros_like(y), (cosine - 1.0) * y - sine * z, sine * y + (cosine - 1.0) * z], axis=1)


def turned_about_y(local: FloatArray, radians: float) -> FloatArray:
    """Displacements (N, 3) by a turn that takes what is ahead to the left."""
    cosine, sine = np.cos(radians), np.sin(radians)
    x, _, z = local.T
    return np.stack([(cosine - 1.0) * x + sine * z, np.zeros_like(x), (cosine - 1.0) * z - sine * x], axis=1)


def ramp(value: FloatArray, low: float | FloatArray, high: float | FloatArray) -> FloatArray:
    """0 below `low`, 1 above `high`, with level ends."""
    share = np.clip((value - low) / (np.asarray(high) - low), 0.0, 1.0)
    eased: FloatArray = share * share * (3.0 - 2.0 * share)
    return eased
