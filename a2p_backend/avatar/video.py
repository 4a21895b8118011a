"""Frames and sound in, an .mp4 out, one frame at a time."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import Colorspace

from a2p_backend.wire.files import atomic_write
from kinematics.errors import A2PError

SAMPLE_RATE = 48_000

_CODECS = {
    # A key frame every half second and no frames that wait for later ones: Blender scrubs through it.
    "libx264": {"preset": "veryfast", "crf": "18", "g": "15", "bf": "0"},
    "mpeg4": {"q:v": "3", "g": "15", "bf": "0"},
}
_BT709 = 1
_SOUND_BIT_RATE = 192_000
_SOUND_CHUNK = 1024
"""Samples of an AAC frame."""

_log = logging.getLogger(__name__)


class VideoError(A2PError):
    """The video cannot be written."""


class VideoWriter:
    """Takes the frames of one video; `open_video` makes it."""

    def __init__(
        self,
        container: av.container.OutputContainer,
        size: tuple[int, int],
        fps: int,
        sound: np.ndarray | None,
    ) -> None:
        codec = _video_codec()
        self._container = container
        self._video = container.add_stream(codec, rate=fps, options=_CODECS[codec])
        self._video.width, self._video.height = size
        self._video.pix_fmt = "yuv420p"
        self._video.codec_context.time_base = Fraction(1, fps)
        context = self._video.codec_context
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        self._fps = fps
        self._frames = 0
        self._sound = sound
        self._samples = 0
        if sound is not None:
            self._audio = container.add_stream("aac", rate=SAMPLE_RATE, layout="stereo")
            self._audio.codec_context.bit_rate = _SOUND_BIT_RATE

    def write(self, picture: np.ndarray) -> None:
        """Adds a frame, (height, width, 3) uint8 sRGB, and the sound up to its end."""
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame = frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709)
        frame.pts, frame.time_base = self._frames, Fraction(1, self._fps)
        self._container.mux(self._video.encode(frame))
        self._frames += 1
        self._write_sound(self._frames * SAMPLE_RATE // self._fps, whole_chunks=True)

    def finish(self) -> None:
        """Writes what the encoders still hold."""
        self._write_sound(self._frames * SAMPLE_RATE // self._fps, whole_chunks=False)
        self._container.mux(self._video.encode(None))
        if self._sound is not None:
            self._container.mux(self._audio.encode(None))

    def _write_sound(self, end: int, whole_chunks: bool) -> None:
        """Sound up to sample `end`, silence where the recording is over."""
        if self._sound is None:
            return
        while self._samples < end:
            stop = min(self._samples + _SOUND_CHUNK, end)
            if whole_chunks and stop - self._samples < _SOUND_CHUNK:
                return
            chunk = np.zeros((2, stop - self._samples), np.float32)
            recorded = self._sound[self._samples : stop]
            chunk[:, : len(recorded)] = recorded.T
            frame = av.AudioFrame.from_ndarray(chunk, format="fltp", layout="stereo")
            frame.sample_rate, frame.pts, frame.time_base = (
                SAMPLE_RATE,
                self._samples,
                Fraction(1, SAMPLE_RATE),
            )
            self._container.mux(self._audio.encode(frame))
            self._samples = stop


@contextmanager
def open_video(
    path: str | Path, size: tuple[int, int], fps: int, sound: np.ndarray | None = None
) -> Iterator[VideoWriter]:
    """A writer of an .mp4 that appears at `path` when the block ends without an error, and not otherwise.

    Args:
        size: width and height, pixels, both even.
        sound: (N, 2) float32 at 48 kHz; cut or continued with silence to the length of the frames.

    Raises:
        VideoError: the file cannot be written.
    """
    try:
        with atomic_write(path) as file, av.open(file, "w", format="mp4") as container:
            writer = VideoWriter(container, size, fps, sound)
            yield writer
            writer.finish()
    except (OSError, av.FFmpegError) as error:
        raise VideoError(f"Cannot write the video {path}: {error.strerror or error}.") from error


def _video_codec() -> str:
    """H.264 where this build of FFmpeg can encode it."""
    for name in _CODECS:
        try:
            av.codec.Codec(name, "w")
        except av.codec.codec.UnknownCodecError:
            _log.warning("FFmpeg has no encoder %s here: the plate's picture will be coarser.", name)
        else:
            return name
    raise VideoError("FFmpeg has no video encoder here: reinstall it (pip install --force-reinstall av).")
