"""What the sound of speech says about movement: loudness, colour, syllables and their stress."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

from .speech import SAMPLE_RATE

SAMPLES_A_FRAME = 1600
_HOP = 800  # two analysis steps a motion frame: syllables are only five frames long
_WINDOW = 1600
_BANDS = (
    (80, 400),
    (400, 1000),
    (1000, 1700),
    (1700, 3500),
    (3500, 8000),
)  # Hz: voice, F1, low F2, high F2, friction
_FLOOR = 1e-5


@dataclass(frozen=True)
class Prosody:
    """loudness (T,): 0 silent to 1 the loudest vowels; bands (T, 5): log energies, see _BANDS; nuclei (K,):
    frames (with fractions) of the syllables' loudest moments; stress (K,): 0 to 1, the rank among the
    syllables.
    """

    loudness: np.ndarray
    bands: np.ndarray
    nuclei: np.ndarray
    stress: np.ndarray


def analyse(samples: np.ndarray) -> Prosody:
    """Prosody of one voice, samples (1600 T,) at 48 kHz, clean."""
    frames = len(samples) // SAMPLES_A_FRAME
    padded = np.pad(samples[: frames * SAMPLES_A_FRAME], (_WINDOW // 2, _WINDOW))
    steps = 2 * frames
    windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP][:steps]
    frequency = np.fft.rfftfreq(_WINDOW, 1.0 / SAMPLE_RATE)
    bands = np.empty((steps, len(_BANDS)))
    for start in range(0, steps, 4096):
        power = (
            np.abs(np.fft.rfft(windows[start : start + 4096] * np.hanning(_WINDOW), axis=1)) ** 2 / _WINDOW
        )
        for index, (low, high) in enumerate(_BANDS):
            bands[start : start + 4096, index] = power[:, (frequency >= low) & (frequency < high)].sum(axis=1)
    log_bands = np.log(bands + _FLOOR)
    voiced = np.log(bands[:, :3].sum(axis=1) + _FLOOR)
    quiet, loud = np.log(_FLOOR) + 4.0, np.quantile(voiced, 0.98)
    loudness = np.clip((voiced - quiet) / max(loud - quiet, 1.0), 0.0, 1.2)
    nuclei, stress = _syllables(loudness)
    return Prosody(
        loudness.reshape(frames, 2).mean(axis=1),
        log_bands.reshape(frames, 2, -1).mean(axis=1),
        nuclei / 2.0,
        stress,
    )


def _syllables(loudness: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Peaks of the smoothed loudness (in steps) and how far each stands out from its surroundings, as a
    rank 0 to 1.
    """
    smooth = gaussian_filter1d(loudness, 2.0)
    peaks, _ = find_peaks(smooth, height=0.35, prominence=0.02, distance=7)
    if len(peaks) == 0:
        return np.empty(0), np.empty(0)
    weight = gaussian_filter1d(loudness, 3.0)
    surroundings = gaussian_filter1d(loudness, 40.0)
    score = weight[peaks] - 0.7 * surroundings[peaks]
    return peaks.astype(float), np.argsort(np.argsort(score)) / max(len(peaks) - 1, 1)
