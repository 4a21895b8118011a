"""Any recording, made into what the networks were trained on: 48 kHz, the actor left, the partner right."""

from __future__ import annotations

import hashlib
import io
import math
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
import numpy.typing as npt
import soundfile

from a2p_backend.audio.resampling import Resampler
from a2p_backend.audio.riff import WavLength, wav_length
from a2p_backend.audio.track import BYTES_A_SAMPLE, IN_MEMORY, Mix, Rearranged, Samples, Section, Track
from a2p_backend.wire.client import MAX_CLIP_BYTES
from a2p_backend.wire.performance import FPS, MAX_FRAMES, SAMPLE_RATE, SAMPLES_PER_FRAME
from a2p_backend.wire.settings import MAX_SENT_SECONDS
from kinematics.errors import A2PError

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

    samples: (1600 T, 2) at 48 kHz: the actor, whose peak is 1 unless silent, and the partner. Of what
        `load_clip` reads they are on the disk where the recording is long: take ranges of them, not all.
    name: the file's name. sha256: of the file's bytes, hexadecimal. warnings: one sentence each.
    """

    samples: Samples
    name: str
    sha256: str
    warnings: tuple[str, ...] = ()
    has_partner: bool = True
    """Whether the second channel was recorded; otherwise it is noise that stands for a partner."""

    @property
    def sound(self) -> Samples:
        """(1600 T, 2) at 48 kHz, to be played: without a partner, the actor on both sides."""
        return self.samples if self.has_partner else Rearranged(self.samples, (0, 0))

    @property
    def frame_count(self) -> int:
        """T, at 30 frames a second."""
        return len(self.samples) // SAMPLES_PER_FRAME

    @property
    def duration(self) -> float:
        """Seconds."""
        return len(self.samples) / SAMPLE_RATE

    def part(self, first: int, stop: int) -> Clip:
        """The clip's frames first (included) to stop (excluded), under the same name and hash."""
        samples = Section(self.samples, first * SAMPLES_PER_FRAME, stop * SAMPLES_PER_FRAME)
        return Clip(samples, self.name, self.sha256, self.warnings, self.has_partner)


def load_clip(
    source: str | Path | bytes, name: str | None = None, speaker: Literal["left", "right"] = "left"
) -> Clip:
    """Read a recording from a file or from a file's bytes, in memory that does not grow with it.

    speaker: the channel on which the actor is heard; "right" is the other side of the conversation. Mono
    recordings get a partner of faint noise, the same each time; of more than two channels the first two are
    used. The result has a whole number of frames, filled up with silence.

    What is damaged at its end, or shorter than a second, is used as far as it goes, with a warning.

    Raises ClipError for what is no recording, has samples that are not numbers, is longer than 8 hours or
    does not fit on the disk, or has no second channel where the speaker is there; A2PError for a file that
    cannot be read. Bytes, which were sent, are at most 512 MiB and 10 minutes.
    """
    if isinstance(source, bytes):
        return _load_sent(source, name or "recording", speaker)
    path = Path(source)
    try:
        with path.open("rb") as file:
            return _load(file, name or path.name, speaker, MAX_SECONDS)
    except OSError as error:
        raise A2PError(f"Cannot read the recording {path}: {error.strerror or error}.") from error


def _load_sent(content: bytes, name: str, speaker: Literal["left", "right"]) -> Clip:
    if len(content) > MAX_CLIP_BYTES:
        raise ClipError(
            f"{name} has {len(content) >> 20} MiB: at most {MAX_CLIP_BYTES >> 20} MiB are read. Cut it into "
            "parts, or save it as FLAC."
        )
    return _load(io.BytesIO(content), name, speaker, MAX_SENT_SECONDS)


def _load(file: BinaryIO, name: str, speaker: Literal["left", "right"], longest: float) -> Clip:
    if not file.seek(0, 2):
        raise ClipError(f"{name} is empty: it has no bytes.")
    header = wav_length(file)
    file.seek(0)
    decoded = _decode(name, file, header, longest)
    seconds, tracks, warnings = decoded.seconds, decoded.tracks, decoded.warnings
    warnings += _missing(name, seconds, header)
    if seconds < COMFORTABLE_SECONDS:
        warnings.append(f"{name} lasts only {seconds:.2f} s: so little speech carries no gesture.")

    if decoded.is_one_voice:
        warnings.append(f"{name} has the same sound left and right: it is used as mono, the partner silent.")
        del tracks[1]
    if speaker == "right":
        if len(tracks) < 2:
            raise ClipError(
                f"{name} has one voice: two people need a stereo recording, one speaker on each side."
            )
        tracks.reverse()
    has_partner = len(tracks) == 2
    frames = min(max(math.ceil((seconds - FRAME_SLACK) * FPS), 1), MAX_FRAMES)
    if not has_partner:
        tracks.append(_noise(frames * SAMPLES_PER_FRAME))
    actor, partner = tracks
    level = 1 / actor.peak if actor.peak >= SILENCE else 1.0
    levels = level, _partners_level(partner, level) if has_partner else 1.0
    if actor.peak < SILENCE:
        warnings.append(
            f"{name} is silent on the actor's channel (the {speaker} one): the actor only listens."
        )
    file.seek(0)
    sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    samples = Mix((actor, partner), levels, frames * SAMPLES_PER_FRAME)
    return Clip(samples, name, sha256, tuple(warnings), has_partner)


@dataclass(frozen=True, eq=False)
class _Decoded:
    """The first one or two channels of a recording at 48 kHz, as loud as they were recorded."""

    tracks: list[Track]
    seconds: float
    is_one_voice: bool
    """Whether it is stereo with the same sound on both sides."""
    warnings: list[str]


def _decode(name: str, content: BinaryIO, header: WavLength | None, longest: float) -> _Decoded:
    if header is not None and header.sample_rate == 0:
        raise ClipError(f"{name} is damaged: its header gives a sample rate of 0. Export it anew.")
    warnings = []
    try:
        with soundfile.SoundFile(content) as file:
            rate, declared = file.samplerate, file.frames
            _check_length(name, declared / rate, longest)
            if file.channels > 2:
                warnings.append(
                    f"{name} has {file.channels} channels: the first two are the actor and the partner."
                )
            tracks = [Track() for _ in range(min(file.channels, 2))]
            tally = _Tally()
            resamplers = [Resampler(rate, SAMPLE_RATE) for _ in tracks]
            for block in _blocks(file):
                tally.add(block[:, :2])
                for track, resampler, column in zip(tracks, resamplers, block.T, strict=False):
                    for part in resampler.push(column):
                        track.append(part)
    except soundfile.LibsndfileError as error:
        reason = error.error_string.strip().rstrip(".")
        raise ClipError(
            f"{name} cannot be read as a recording ({reason}): give a WAV, FLAC, OGG, AIFF or MP3 file."
        ) from error
    if tally.count == 0:
        raise ClipError(f"{name} holds no sound: its header is there, but no samples follow.")
    if tally.bad:
        raise ClipError(
            f"{name} holds {tally.bad} samples that are not numbers (NaN or infinity), the first at "
            f"{tally.first_bad / rate:.2f} s. Export it anew."
        )
    for track, resampler in zip(tracks, resamplers, strict=True):
        for part in resampler.finish():
            track.append(part)
    if header is None and tally.count < declared:
        warnings.append(_cut_off(name, declared / rate, tally.count / rate))
    return _Decoded(tracks, tally.count / rate, tally.is_one_voice, warnings)


@dataclass
class _Tally:
    """What is to be known of all samples, as they pass by."""

    count: int = 0
    bad: int = 0
    """How many are not numbers."""
    first_bad: int = 0
    energy: float = 0.0
    """Of the first channel, where there are two."""
    difference: float = 0.0
    """Energy of the difference between the two."""

    def add(self, block: FloatArray) -> None:
        """block: (N, 1 or 2)."""
        is_number = np.isfinite(block).all(axis=1)
        if not is_number.all():
            if not self.bad:
                self.first_bad = self.count + int(is_number.argmin())
            self.bad += int((~is_number).sum())
        self.count += len(block)
        if block.shape[1] == 2:
            ours, theirs = np.ascontiguousarray(block.T)
            self.energy += float(np.square(ours, dtype=np.float64).sum())
            self.difference += float(np.square(ours - theirs, dtype=np.float64).sum())

    @property
    def is_one_voice(self) -> bool:
        """Whether two channels have the same sound."""
        return self.energy > 0 and self.difference < SAME_VOICE * self.energy


def _blocks(file: soundfile.SoundFile) -> Iterator[FloatArray]:
    """Blocks (N, channels) up to the end, or to where the file is damaged."""
    count = 0
    while count < file.frames:
        try:
            block = file.read(BLOCK, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError:
            if not count:
                raise
            return
        if not len(block):
            return
        count += len(block)
        yield block


def _check_length(name: str, seconds: float, longest: float) -> None:
    """Raises ClipError where a recording is too long to be performed, or for the disk."""
    if seconds > longest:
        if longest < MAX_SECONDS:
            raise ClipError(
                f"{name} lasts {seconds / 60:.1f} minutes: a running backend takes {longest / 60:.0f} at "
                "most, what Blender holds well in one Action. Trim its strip, or perform all of it with "
                "`a2p generate`."
            )
        raise ClipError(
            f"{name} lasts {seconds / 3600:.1f} hours: at most {longest / 3600:.0f} hours can be performed. "
            "Cut it into parts."
        )
    track = seconds * SAMPLE_RATE * BYTES_A_SAMPLE
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if track > IN_MEMORY and 2 * track > free:
        raise ClipError(
            f"{name} lasts {seconds / 60:.0f} minutes, whose sound takes {2 * track / 2**20:.0f} MiB of disk "
            f"space while it is used: {tempfile.gettempdir()} has {free / 2**20:.0f} MiB. Make room there, "
            "or name another folder in TMPDIR."
        )


def _missing(name: str, seconds: float, header: WavLength | None) -> list[str]:
    if header is None or header.declared is None or header.present is None:
        return []
    return [_cut_off(name, header.declared, seconds)] if header.present < header.declared else []


def _cut_off(name: str, declared: float, present: float) -> str:
    return f"{name} is cut off: its header promises {declared:.2f} s; the first {present:.2f} s are used."


def _noise(count: int) -> Track:
    """The partner of a recording that has none."""
    generator, noise = np.random.default_rng(0), Track()
    while len(noise) < count:
        block = generator.standard_normal(min(BLOCK, count - len(noise)), np.float32)
        noise.append(block * np.float32(PARTNER_NOISE))
    return noise


def _partners_level(partner: Track, actors_level: float) -> float:
    """What a partner is multiplied by, after an actor who is divided by their peak (the released demo's rule,
    with the sign ignored).

    The partner is divided by its own peak only where that is higher than the actor's, so that neither exceeds
    1 and a partner's hiss is not raised to a voice.
    """
    return min(actors_level, 1 / max(partner.peak, SILENCE))
