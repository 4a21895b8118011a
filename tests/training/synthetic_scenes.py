"""A small synthetic dataset whose speech needs no program: a buzz with one syllable for each vowel."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from a2p_backend.training.synthetic import synthesise_dataset
from a2p_backend.training.synthetic.speech import SAMPLE_RATE, Voice

SCENES = 7
SECONDS = 24


def buzz(text: str, voice: Voice) -> np.ndarray:
    """Harmonics of the voice's pitch, loud on every vowel; every third syllable is stressed."""
    syllables = max(sum(letter in "aeiou" for letter in text), 2)
    time = np.arange(int(0.22 * syllables * SAMPLE_RATE)) / SAMPLE_RATE
    number = np.minimum((time / 0.22).astype(int), syllables - 1)
    loudness = np.sin(np.pi * (time / 0.22 % 1.0)) ** 2 * np.where(number % 3 == 0, 0.7, 0.3)
    pitch = 80.0 + 2.0 * voice.pitch
    tone = sum(np.sin(2 * np.pi * pitch * harmonic * time) / harmonic for harmonic in range(1, 16))
    return (0.4 * loudness * tone).astype(np.float32)


def write_dataset(folder: Path, scenes: int = SCENES) -> Path:
    """Short scenes; seven are as few as the split into training, validation and test takes."""
    synthesise_dataset(folder, scenes=scenes, minutes=scenes * SECONDS / 60, seed=5, speaker=buzz)
    return folder
