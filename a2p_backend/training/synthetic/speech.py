"""Speech from espeak-ng, which must be installed as a program of its own."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import resample_poly

from a2p_backend.wire.performance import SAMPLE_RATE
from kinematics.errors import A2PError

TIMEOUT_SECONDS = 30


class SpeechError(A2PError):
    """No speech could be made."""


@dataclass(frozen=True)
class Voice:
    """name: an espeak-ng voice with its variant; pitch: 0 to 99; speed: words a minute."""

    name: str
    pitch: int
    speed: int


_ACCENTS = ("en-us", "en-gb", "en-gb-x-rp", "en-gb-scotland", "en-029")
_VARIANTS = (
    "m1",
    "m2",
    "m3",
    "m4",
    "m5",
    "m6",
    "m7",
    "f1",
    "f2",
    "f3",
    "f4",
    "f5",
    "Alicia",
    "Andy",
    "Michael",
    "steph",
    "belinda",
)


def draw_voices(rng: np.random.Generator) -> tuple[Voice, Voice]:
    """Two voices that are told apart easily."""
    variants = rng.choice(_VARIANTS, 2, replace=False)
    pitches = rng.permutation([rng.integers(25, 50), rng.integers(50, 75)])
    first, second = (
        Voice(f"{rng.choice(_ACCENTS)}+{variant}", int(pitch), int(rng.integers(140, 190)))
        for variant, pitch in zip(variants, pitches, strict=True)
    )
    return first, second


def espeak_installed() -> bool:
    """Whether the espeak-ng program is on the PATH."""
    return shutil.which("espeak-ng") is not None


def speak(text: str, voice: Voice) -> np.ndarray:
    """(S,) float32 samples at 48 kHz with a peak of 0.7 and no silence at either end."""
    if not espeak_installed():
        raise SpeechError(
            "espeak-ng is not on the PATH; install it (for example: apt install espeak-ng) and run this again"
        )
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "speech.wav"
        command = [
            "espeak-ng",
            "-v",
            voice.name,
            "-p",
            str(voice.pitch),
            "-s",
            str(voice.speed),
            "-z",
            "-w",
            str(target),
            "--",
            text,
        ]
        done = subprocess.run(command, capture_output=True, timeout=TIMEOUT_SECONDS, check=False)
        if done.returncode != 0 or not target.exists():
            reason = done.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"]
            raise SpeechError(f"espeak-ng could not speak with voice {voice.name}: {reason[-1]}")
        samples, rate = soundfile.read(target, dtype="float32")
    loud = np.flatnonzero(np.abs(samples) > 0.01 * np.abs(samples).max(initial=0.0))
    if len(loud) == 0:
        raise SpeechError(f"espeak-ng made no sound for {text!r} with voice {voice.name}")
    samples = samples[loud[0] : loud[-1] + 1]
    samples = resample_poly(samples, SAMPLE_RATE, rate)
    return (0.7 / np.abs(samples).max() * samples).astype(np.float32)
