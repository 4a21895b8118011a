"""Any recording, made into what the networks were trained on: 48 kHz, the actor left, the partner right."""

from __future__ import annotations

import hashlib
import io
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import soundfile

from a2p_backend.audio.resampling import resampled
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

    header, sha256 = wav_length(content), hashlib.sha256(content).hexdigest()
    channels, sample_rate, warnings = _decode(name, content, header)
    del content  # of a file, which may be as large as all that follows
    seconds = len(channels[0]) / sample_rate
    warnings += _missing(name, seconds, header)
    if seconds < COMFORTABLE_SECONDS:
        warnings.append(f"{name} lasts only {seconds:.2f} s: so little speech carries no gesture.")

    if len(channels) == 2 and _is_same_voice(*channels):
        warnings.append(f"{name} has the same sound left and right: it is used as mono, the partner silent.")
        del channels[1]
    if speaker == "right":
        if len(channels) < 2:
            raise ClipError(
                f"{name} has one voice: two people need a stereo recording, one speaker on each side."
            )
        channels.reverse()
    has_partner = len(channels) == 2
    frames = min(max(math.ceil((seconds - FRAME_SLACK) * FPS), 1), MAX_FRAMES)
    samples = _conformed(channels, sample_rate, frames * SAMPLES_PER_FRAME)
    if not has_partner:
        samples[:, 1] = np.random.default_rng(0).standard_normal(len(samples), np.float32)
        samples[:, 1] *= np.float32(PARTNER_NOISE)
    if _peak(samples[:, 0]) < SILENCE:
        warnings.append(
            f"{name} is silent on the actor's channel (the {speaker} one): the actor only listens."
        )
    return Clip(samples, name, sha256, tuple(warnings), has_partner)


def _decode(name: str, content: bytes, header: WavLength | None) -> tuple[list[FloatArray], int, list[str]]:
    """The first one or two channels, each (N,), their rate, and warnings."""
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
    count = len(channels[0])
    if count == 0:
        raise ClipError(f"{name} holds no sound: its header is there, but no samples follow.")
    is_number = np.logical_and.reduce([np.isfinite(channel) for channel in channels])
    if not is_number.all():
        bad = np.flatnonzero(~is_number)
        raise ClipError(
            f"{name} holds {len(bad)} samples that are not numbers (NaN or infinity), the first at "
            f"{bad[0] / rate:.2f} s. Export it anew."
        )
    warnings = []
    if channel_count > 2:
        warnings.append(f"{name} has {channel_count} channels: the first two are the actor and the partner.")
    if header is None and count < declared:
        warnings.append(_cut_off(name, declared / rate, count / rate))
    return channels, rate, warnings


def _read_two_channels(file: soundfile.SoundFile) -> list[FloatArray]:
    """The first one or two channels, each (N,), up to the end or to where the file is damaged."""
    channels = [np.empty(file.frames, np.float32) for _ in range(min(file.channels, 2))]
    count = 0
    while count < file.frames:
        try:
            block = file.read(BLOCK, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError:
            if not count:
                raise
            break
        if not len(block):
            break
        for channel, column in zip(channels, block.T, strict=False):
            channel[count : count + len(block)] = column
        count += len(block)
    return [channel[:count] for channel in channels]


def _missing(name: str, seconds: float, header: WavLength | None) -> list[str]:
    if header is None or header.declared is None or header.present is None:
        return []
    return [_cut_off(name, header.declared, seconds)] if header.present < header.declared else []


def _cut_off(name: str, declared: float, present: float) -> str:
    return f"{name} is cut off: its header promises {declared:.2f} s; the first {present:.2f} s are used."


def _conformed(channels: list[FloatArray], rate: int, count: int) -> FloatArray:
    """Channels, each (N,) at `rate`, as samples (count, 2) at 48 kHz: levelled, and silent past their end.

    The list is emptied, so that a channel can go once it is conformed; for the same reason the samples lie
    channel by channel in memory.
    """
    samples = np.zeros((2, count), np.float32)
    level = None
    for out in samples[: len(channels)]:
        level = _put_levelled(resampled(channels.pop(0), rate, SAMPLE_RATE), level, out)
    return samples.T


def _put_levelled(channel: FloatArray, actors_level: float | None, out: FloatArray) -> float:
    """Writes a channel divided by its peak (the released demo's rule, with the sign ignored); 1 / peak.

    The partner is divided by its own peak only where that is higher than the actor's, so that neither exceeds
    1 and a partner's hiss is not raised to a voice. An actor's channel that is silent is left as it is.
    """
    peak = _peak(channel)
    if actors_level is None:
        level = 1 / peak if peak >= SILENCE else 1.0
    else:
        level = min(actors_level, 1 / max(peak, SILENCE))
    length = min(len(channel), len(out))
    np.multiply(channel[:length], np.float32(level), out=out[:length])
    return level


def _peak(channel: FloatArray) -> float:
    """The largest magnitude, found without a copy of the channel."""
    return float(max(channel.max(), -channel.min()))


def _is_same_voice(left: FloatArray, right: FloatArray) -> bool:
    energy = difference = 0.0
    for start in range(0, len(left), BLOCK):
        ours, theirs = left[start : start + BLOCK], right[start : start + BLOCK]
        energy += float(np.square(ours, dtype=np.float64).sum())
        difference += float(np.square(ours - theirs, dtype=np.float64).sum())
    return energy > 0 and difference < SAME_VOICE * energy
