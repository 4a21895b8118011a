"""Frames and sound in, a film or a folder of pictures out, one frame at a time."""

from __future__ import annotations

import itertools
import logging
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Protocol, TypeVar

import av
import numpy as np
from av.video.reformatter import Colorspace

from a2p_backend.avatar.contact_sheet import PictureError, write_png
from a2p_backend.wire.performance import SAMPLE_RATE
from kinematics.errors import A2PError
from kinematics.files import atomic_write, remove_leftovers, temporary_beside

_CODECS = {
    # A key frame every half second and no frames that wait for later ones: Blender scrubs through it.
    "libx264": {"preset": "veryfast", "crf": "18", "g": "15", "bf": "0"},
    "mpeg4": {"q:v": "3", "g": "15", "bf": "0"},
}
_PRORES = ("prores_ks", {"profile": "4444", "alpha_bits": "16", "vendor": "apl0"}, "yuva444p10le")
_BT709 = 1
_SOUND_BIT_RATE = 192_000
_SOUND_CHUNK = 1024
"""Samples of an AAC frame."""

Item = TypeVar("Item")

_log = logging.getLogger(__name__)


class VideoError(A2PError):
    """The video cannot be written."""


class Sound(Protocol):
    """A film's sound (N, 2) float32 at 48 kHz, read by ranges as the film goes on; an array is one."""

    def __getitem__(self, span: slice, /) -> np.ndarray:
        """The samples of a range (n, 2), fewer where it reaches past the end."""
        ...


class FrameWriter(Protocol):
    """Takes a plate's frames in turn."""

    def write(self, picture: np.ndarray) -> None:
        """Adds a frame: (height, width, 3) uint8 sRGB, or (height, width, 4) with straight alpha."""
        ...


class VideoWriter:
    """Takes the frames of one video; `open_video` makes it."""

    def __init__(
        self,
        container: av.container.OutputContainer,
        size: tuple[int, int],
        fps: int,
        sound: Sound | None,
        alpha: bool,
    ) -> None:
        codec, options, self._format = _PRORES if alpha else _opaque_codec()
        self._container = container
        self._video = container.add_stream(codec, rate=fps, options=options)
        self._video.width, self._video.height = size
        self._video.pix_fmt = self._format
        self._video.codec_context.time_base = Fraction(1, fps)
        context = self._video.codec_context
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        self._fps = fps
        self._frames = 0
        self._sound = None if sound is None else _SoundTrack(container, sound)

    def write(self, picture: np.ndarray) -> None:
        """Adds a frame and the sound up to its end."""
        frame = av.VideoFrame.from_ndarray(picture, format="rgba" if picture.shape[2] == 4 else "rgb24")
        frame = frame.reformat(format=self._format, dst_colorspace=Colorspace.ITU709)
        frame.pts, frame.time_base = self._frames, Fraction(1, self._fps)
        self._container.mux(self._video.encode(frame))
        self._frames += 1
        if self._sound is not None:
            self._sound.write_until(Fraction(self._frames, self._fps))

    def finish(self) -> None:
        """Writes what the encoders still hold."""
        self._container.mux(self._video.encode(None))
        if self._sound is not None:
            self._sound.finish(Fraction(self._frames, self._fps))


class _SoundTrack:
    """The sound (N, 2) of a film, written as the film goes on; silence where it is over."""

    def __init__(self, container: av.container.OutputContainer, sound: Sound) -> None:
        self._container, self._sound = container, sound
        self._audio = container.add_stream("aac", rate=SAMPLE_RATE, layout="stereo")
        self._audio.codec_context.bit_rate = _SOUND_BIT_RATE
        self._samples = 0

    def write_until(self, seconds: Fraction) -> None:
        """Adds the encoder's whole chunks up to that time."""
        while self._samples + _SOUND_CHUNK <= int(seconds * SAMPLE_RATE):
            self._write(_SOUND_CHUNK)

    def finish(self, seconds: Fraction) -> None:
        """Adds the rest up to that time."""
        self.write_until(seconds)
        rest = int(seconds * SAMPLE_RATE) - self._samples
        if rest > 0:
            self._write(rest)
        self._container.mux(self._audio.encode(None))

    def _write(self, samples: int) -> None:
        chunk = np.zeros((2, samples), np.float32)
        recorded = self._sound[self._samples : self._samples + samples]
        chunk[:, : len(recorded)] = recorded.T
        frame = av.AudioFrame.from_ndarray(chunk, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = SAMPLE_RATE, self._samples, Fraction(1, SAMPLE_RATE)
        self._container.mux(self._audio.encode(frame))
        self._samples += samples


@dataclass(frozen=True)
class PictureWriter:
    """Takes frames into a folder, a PNG each, called by their numbers: 00001.png is a take's first frame."""

    folder: Path
    numbers: Iterator[int]

    def write(self, picture: np.ndarray) -> None:
        """Adds a frame."""
        write_png(self.folder / f"{next(self.numbers):05}.png", picture)


@contextmanager
def open_plate(
    path: str | Path,
    size: tuple[int, int],
    fps: int,
    sound: Sound | None = None,
    alpha: bool = False,
    first_frame: int = 0,
    every: int = 1,
) -> Iterator[FrameWriter]:
    """A writer of what `path` asks for: a film for .mp4 or .mov, a folder of PNG pictures for no ending.

    alpha: whether pictures have it, which an .mp4 cannot hold. first_frame: of the take, counted from 0.
    every: frames of the take from one picture to the next. Otherwise as `open_video`.
    """
    ending = Path(path).suffix.lower()
    if ending not in (".mp4", ".mov", "") or (alpha and ending == ".mp4"):
        wanted = ".mov" if alpha else ".mp4 or .mov"
        raise VideoError(
            f"Cannot write a plate{' with alpha' if alpha else ''} as {path}: name a film ({wanted}) or,"
            " without an ending, a folder for PNG pictures."
        )
    if ending:
        with open_video(path, size, fps, sound, alpha) as film:
            yield film
    else:
        with open_pictures(path, first_frame, every) as folder:
            yield folder


@contextmanager
def open_video(
    path: str | Path,
    size: tuple[int, int],
    fps: int,
    sound: Sound | None = None,
    alpha: bool = False,
) -> Iterator[VideoWriter]:
    """A writer of a film that appears at `path` when the block ends without an error, and not otherwise.

    Args:
        path: .mov for QuickTime's container, otherwise MP4's.
        size: width and height, pixels, both even.
        sound: (N, 2) float32 at 48 kHz; cut or continued with silence to the length of the frames.
        alpha: Apple ProRes 4444, which has transparency; otherwise H.264.

    Raises:
        VideoError: the file cannot be written.
    """
    with _open_film(Path(path), quicktime=alpha) as container:
        writer = VideoWriter(container, size, fps, sound, alpha)
        yield writer
        writer.finish()


def join_films(parts: Sequence[Path], path: Path, fps: int, sound: Sound | None) -> None:
    """One film of silent ones that `open_video` wrote alike, their pictures as they are; with sound.

    Raises VideoError where a part cannot be read or the film not be written.
    """
    with _open_film(path) as film, av.open(str(parts[0])) as first:
        pictures = film.add_stream_from_template(first.streams.video[0])
        track = None if sound is None else _SoundTrack(film, sound)
        frames = 0
        for part in parts:
            with av.open(str(part)) as source:
                before = frames
                for packet in source.demux(source.streams.video[0]):
                    if packet.dts is None:  # the end
                        continue
                    shift = int(Fraction(before, fps) / packet.time_base)
                    packet.pts, packet.dts, packet.stream = packet.pts + shift, packet.dts + shift, pictures
                    film.mux(packet)
                    frames += 1
                    if track is not None:
                        track.write_until(Fraction(frames, fps))
        if track is not None:
            track.finish(Fraction(frames, fps))


@contextmanager
def _open_film(path: Path, *, quicktime: bool = False) -> Iterator[av.container.OutputContainer]:
    form = "mov" if quicktime or path.suffix.lower() == ".mov" else "mp4"
    try:
        remove_leftovers(path)
        with atomic_write(path) as file, av.open(file, "w", format=form) as container:
            yield container
    except (OSError, av.FFmpegError) as error:
        raise VideoError(f"Cannot write the video {path}: {_reason(error)}.") from error


def _reason(error: BaseException) -> str:
    """What the system said: PyAV names only that writing failed, and keeps why as the error's context."""
    causes = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) is not None:
        causes.append(cause)
    said = [cause for cause in causes if isinstance(cause, OSError) and not isinstance(cause, av.FFmpegError)]
    return getattr(said[-1] if said else error, "strerror", None) or str(error)


@contextmanager
def open_pictures(path: str | Path, first_frame: int = 0, every: int = 1) -> Iterator[PictureWriter]:
    """A writer of a folder of PNG pictures that appears whole or not at all.

    Raises:
        VideoError: there is something called `path` already, or the pictures cannot be written.
    """
    target = Path(path)
    if target.exists():
        raise VideoError(f"Cannot write pictures into {path}: it exists; name a folder that does not.")
    partial = temporary_beside(target)
    try:
        remove_leftovers(target)
        partial.mkdir()
        yield PictureWriter(partial, itertools.count(first_frame + 1, every))
        partial.rename(target)
    except (OSError, av.FFmpegError, PictureError) as error:
        raise VideoError(f"Cannot write the pictures {path}: {_reason(error)}.") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextmanager
def in_background(work: Callable[[Item], None]) -> Iterator[Callable[[Item], None]]:
    """Has a second thread do `work` on what it is handed, one after the other; at most one waits meanwhile.

    What goes wrong there is raised at the next item, or on leaving the block.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="encoder") as pool:
        last: Future[None] | None = None

        def hand_over(item: Item) -> None:
            nonlocal last
            if last is not None:
                last.result()
            last = pool.submit(work, item)

        yield hand_over
        if last is not None:
            last.result()


def _opaque_codec() -> tuple[str, dict[str, str], str]:
    """Name, options and pixel format: H.264 where this build of FFmpeg can encode it."""
    for name in _CODECS:
        try:
            av.codec.Codec(name, "w")
        except av.codec.codec.UnknownCodecError:
            _log.warning("FFmpeg has no encoder %s here: the plate's picture will be coarser.", name)
        else:
            return name, _CODECS[name], "yuv420p"
    raise VideoError("FFmpeg has no video encoder here: reinstall it (pip install --force-reinstall av).")
