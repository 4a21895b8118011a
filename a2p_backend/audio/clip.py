"""Any recording, made into what the networks were trained on: 48 kHz, the actor left, the partner right."""

from __future__ import annotations

import hashlib
import io
import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import soundfile
import torch
import torchaudio

from a2p_backend.audio.riff import WavLength, wav_length
from a2p_backend.wire.client import MAX_CLIP_BYTES, read_clip
from a2p_backend.wire.performance import FPS, MAX_FRAMES
from kinematics.errors import A2PError

SAMPLE_RATE = 48_000
SAMPLES_PER_FRAME = SAMPLE_RATE // FPS
BLOCK = 1 << 14
COMFORTABLE_SECONDS = 1
MAX_SECONDS = MAX_FRAMES // FPS

PARTNER_NOISE = 0.001
"""Standard deviation of the noise that is a mono recording's partner, as in the released demo."""

SILENCE = 1e-4
"""Peaks under this (-80 dB) are not speech, and are not amplified to look like it."""

SAME_VOICE = 1e-3
"""Share of a channel's energy that its difference from the other may have for the two to be one voice."""

FRAME_SLACK = 0.001
"""Seconds that a recording may reach into a last frame without adding it."""

MAX_RATIO_TERM = 1000
"""Bound on the resampling ratio's denominator, as the filter bank grows with it: the error is under 1e-6."""

FloatArray = npt.NDArray[np.float32]


class ClipError(A2PError):
    """A recording cannot be used; the message says why."""


@dataclass(frozen=True, eq=False)
class Clip:
    """A recording, ready to be performed.

    samples: (1600 T, 2) float32 at 48 kHz: the actor, whose peak is 1 unless silent, and the partner.
    name: the file's name. sha256: of the file's bytes, hexadecimal. warnings: one sentence each.
    """

    samples: FloatArray
    name: str
    sha256: str
    warnings: tuple[str, ...] = ()
    has_partner: bool = True
    """Whether the second channel was recorded; otherwise it is noise that stands for a partner."""

    @property
    def sound(self) -> FloatArray:
        """(1600 T, 2) float32 at 48 kHz, to be played: without a partner, the actor on both sides."""
        return self.samples if self.has_partner else self.samples[:, [0, 0]]

    @property
    def frame_count(self) -> int:
        """T, at 30 frames a second."""
        return len(self.samples) // SAMPLES_PER_FRAME

    @property
    def duration(self) -> float:
        """Seconds."""
        return len(self.samples) / SAMPLE_RATE


def load_clip(
    source: str | Path | bytes, name: str | None = None, speaker: Literal["left", "right"] = "left"
) -> Clip:
    """Read a recording from a file or from a file's bytes.

    speaker: the channel on which the actor is heard; "right" is the other side of the conversation. Mono
    recordings get a partner of faint noise, the same each time; of more than two channels the first two are
    used. The result has a whole number of frames, filled up with silence.

    What is damaged at its end, or shorter than a second, is used as far as it goes, with a warning.

    Raises ClipError for what is no recording, has samples that are not numbers, is longer than 10 min, or
    has no second channel where the speaker is there; A2PError for a file that cannot be read or has over
    512 MiB.
    """
    if isinstance(source, bytes):
        name, content = name or "recording", source
    else:
        name, content = name or Path(source).name, read_clip(Path(source))
    if not content:
        raise ClipError(f"{name} is empty: it has no bytes.")
    if len(content) > MAX_CLIP_BYTES:
        raise ClipError(
            f"{name} has {len(content) >> 20} MiB: at most {MAX_CLIP_BYTES >> 20} MiB are read. Cut it into "
            "parts, or save it as FLAC."
        )

    header = wav_length(content)
    channels, sample_rate, warnings = _decode(name, content, header)
    seconds = channels.shape[1] / sample_rate
    warnings += _missing(name, seconds, header)
    if seconds < COMFORTABLE_SECONDS:
        warnings.append(f"{name} lasts only {seconds:.2f} s: so little speech carries no gesture.")

    if len(channels) == 2 and _is_same_voice(*channels):
        warnings.append(f"{name} has the same sound left and right: it is used as mono, the partner silent.")
        channels = channels[:1]
    if speaker == "right":
        if len(channels) < 2:
            raise ClipError(
                f"{name} has one voice: two people need a stereo recording, one speaker on each side."
            )
        channels = channels[::-1]
    levelled = _level(_resample(channels, sample_rate))
    if np.abs(levelled[0]).max() < SILENCE:
        warnings.append(
            f"{name} is silent on the actor's channel (the {speaker} one): the actor only listens."
        )

    frames = min(max(math.ceil((seconds - FRAME_SLACK) * FPS), 1), MAX_FRAMES)
    samples = np.zeros((frames * SAMPLES_PER_FRAME, 2), np.float32)
    length = min(len(samples), levelled.shape[1])
    if len(levelled) == 1:
        noise = np.random.default_rng(0).standard_normal(len(samples), np.float32)
        samples[:, 1] = np.float32(PARTNER_NOISE) * noise
    samples[:length, : len(levelled)] = levelled[:, :length].T
    sha256 = hashlib.sha256(content).hexdigest()
    return Clip(samples, name, sha256, tuple(warnings), has_partner=len(levelled) == 2)


def _decode(name: str, content: bytes, header: WavLength | None) -> tuple[FloatArray, int, list[str]]:
    """The first one or two channels (C, N), their rate, and warnings."""
    if header is not None and header.sample_rate == 0:
        raise ClipError(f"{name} is damaged: its header gives a sample rate of 0. Export it anew.")
    try:
        with soundfile.SoundFile(io.BytesIO(content)) as file:
            rate, declared = file.samplerate, file.frames
            if declared > MAX_SECONDS * rate:
                raise ClipError(
                    f"{name} lasts {declared / rate / 60:.1f} minutes: at most {MAX_SECONDS // 60} minutes "
                    "can be performed. Cut it into parts."
                )
            channel_count = file.channels
            channels = _read_two_channels(file)
    except soundfile.LibsndfileError as error:
        reason = error.error_string.strip().rstrip(".")
        raise ClipError(
            f"{name} cannot be read as a recording ({reason}): give a WAV, FLAC, OGG, AIFF or MP3 file."
        ) from error
    if channels.shape[1] == 0:
        raise ClipError(f"{name} holds no sound: its header is there, but no samples follow.")
    is_number = np.isfinite(channels).all(axis=0)
    if not is_number.all():
        bad = np.flatnonzero(~is_number)
        raise ClipError(
            f"{name} holds {len(bad)} samples that are not numbers (NaN or infinity), the first at "
            f"{bad[0] / rate:.2f} s. Export it anew."
        )
    warnings = []
    if channel_count > 2:
        warnings.append(f"{name} has {channel_count} channels: the first two are the actor and the partner.")
    if header is None and channels.shape[1] < declared:
        warnings.append(_cut_off(name, declared / rate, channels.shape[1] / rate))
    return channels, rate, warnings


def _read_two_channels(file: soundfile.SoundFile) -> FloatArray:
    """The first one or two channels (C, N), up to the end or to where the file is damaged."""
    blocks = []
    while True:
        try:
            block = file.read(BLOCK, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError:
            if not blocks:
                raise
            break
        if not len(block):
            break
        blocks.append(np.ascontiguousarray(block[:, :2].T))  # a copy, so that the other channels can go
    return np.concatenate(blocks, axis=1) if blocks else np.zeros((1, 0), np.float32)


def _missing(name: str, seconds: float, header: WavLength | None) -> list[str]:
    if header is None or header.declared is None or header.present is None:
        return []
    return [_cut_off(name, header.declared, seconds)] if header.present < header.declared else []


def _cut_off(name: str, declared: float, present: float) -> str:
    return f"{name} is cut off: its header promises {declared:.2f} s; the first {present:.2f} s are used."


def _resample(channels: FloatArray, rate: int) -> FloatArray:
    """(C, N) at `rate` to (C, M) at 48 kHz, a channel at a time to halve the memory it takes."""
    if rate == SAMPLE_RATE:
        return channels
    ratio = Fraction(SAMPLE_RATE, rate).limit_denominator(MAX_RATIO_TERM)
    resampled = [
        torchaudio.functional.resample(torch.from_numpy(channel), ratio.denominator, ratio.numerator).numpy()
        for channel in np.ascontiguousarray(channels)
    ]
    return np.stack(resampled)


def _level(channels: FloatArray) -> FloatArray:
    """Channels (C, N) divided by the actor's peak (the released demo's rule, with the sign ignored).

    The partner is divided by its own peak where that is higher, so that neither exceeds 1 and a partner's
    hiss is not raised to a voice. An actor's channel that is silent is left as it is.
    """
    actor_peak, *partner_peak = (float(np.abs(channel).max()) for channel in channels)
    level = 1 / actor_peak if actor_peak >= SILENCE else 1.0
    levels = [level, *(min(level, 1 / max(peak, SILENCE)) for peak in partner_peak)]
    return channels * np.array(levels, np.float32)[:, None]


def _is_same_voice(left: FloatArray, right: FloatArray) -> bool:
    energy = float(np.square(left, dtype=np.float64).sum())
    difference = float(np.square(left - right, dtype=np.float64).sum())
    return energy > 0 and difference < SAME_VOICE * energy
