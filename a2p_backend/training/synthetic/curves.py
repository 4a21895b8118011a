"""Building blocks of movement over time: minimum-jerk paths through keys, slow noise, pulses."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d

from a2p_backend.wire.performance import FPS


def ease(s: np.ndarray) -> np.ndarray:
    """Minimum-jerk progress for s in 0..1: no velocity or acceleration at either end (Flash and Hogan
    1985).
    """
    s = np.clip(s, 0.0, 1.0)
    return s**3 * (10.0 + s * (6.0 * s - 15.0))


def through_keys(times: np.ndarray, values: np.ndarray, frames: int) -> np.ndarray:
    """Minimum-jerk path that comes to rest at every key.

    times (K,) are frames, increasing; values (K, D); the result (frames, D) holds the first and last keys
    outside.
    """
    frame = np.arange(frames)
    right = np.clip(np.searchsorted(times, frame, side="right"), 1, len(times) - 1)
    left = right - 1
    progress = ease((frame - times[left]) / np.maximum(times[right] - times[left], 1e-6))
    return values[left] + progress[:, None] * (values[right] - values[left])


def slow_noise(rng: np.random.Generator, frames: int, width: int, period: float) -> np.ndarray:
    """Smooth random curves (frames, width) of unit spread that wander with about the given period in
    seconds.
    """
    sigma = period * FPS / 4.0
    margin = int(4 * sigma)
    white = rng.standard_normal((frames + 2 * margin, width))
    smooth = gaussian_filter1d(white, sigma, axis=0, mode="wrap")[margin : margin + frames]
    return smooth * np.sqrt(2.0 * np.sqrt(np.pi) * sigma)


def pulses(frames: int, peaks: np.ndarray, heights: np.ndarray, rise: float, fall: float) -> np.ndarray:
    """Sum of (frames,) bumps at the peaks (in frames), each rising and falling over the given seconds."""
    frame = np.arange(frames)
    total = np.zeros(frames)
    for peak, height in zip(peaks, heights, strict=True):
        first, last = max(0, int(peak - rise * FPS)), min(frames, int(peak + fall * FPS) + 2)
        offset = frame[first:last] - peak
        span = np.where(offset < 0, rise, fall) * FPS
        total[first:last] += height * ease(1.0 - np.abs(offset) / span)
    return total
