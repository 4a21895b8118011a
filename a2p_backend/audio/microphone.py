"""A recording from a microphone, with a level to watch.

Where the sound comes from is a `Microphone`; `SystemMicrophone` is the computer's own. Its library,
sounddevice (the extra `record`), is loaded once somebody records.
"""

from __future__ import annotations

import math
import queue
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from a2p_backend.audio.clip import SAMPLE_RATE
from a2p_backend.audio.unfinished import growing_wav
from a2p_backend.wire.progress import (
    RECORDING_UNITS_A_SECOND,
    IsCancelled,
    IsFinished,
    OnProgress,
    Progress,
    raise_if,
)
from a2p_backend.wire.settings import MAX_RECORDING_SECONDS
from kinematics.errors import A2PError

STAGE = "recording"
PATIENCE = 3.0
"""Seconds without any sound data, not even silence, after which a microphone counts as gone."""

_LISTEN = 0.05
"""Seconds between two looks at whether the recording is to end."""
_QUIETEST_DB = -60.0
"""Peak level, in decibels of full scale, at which the meter begins."""

FloatArray = npt.NDArray[np.float32]
Read = Callable[[float], "FloatArray | None"]
"""Waits up to that many seconds for samples (N,), -1 to 1 at 48 kHz; None where none came."""


class MicrophoneError(A2PError):
    """There is nothing to record with. problem, remedy: the two halves of the message."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}: {remedy}.")
        self.problem = problem
        self.remedy = remedy


class Microphone(Protocol):
    """Where sound comes from."""

    def listen(self) -> AbstractContextManager[Read]:
        """Open it for as long as the block takes. Raises MicrophoneError."""
        ...


class SystemMicrophone:
    """The microphone that the system's sound settings name."""

    def name(self) -> str:
        """What the system calls it, if it can be recorded from. Raises MicrophoneError."""
        sounddevice = _sounddevice()
        try:
            sounddevice.check_input_settings(samplerate=SAMPLE_RATE, channels=1, dtype="float32")
            return str(sounddevice.query_devices(kind="input")["name"])
        except (sounddevice.PortAudioError, ValueError) as error:
            raise _unusable(error) from error

    @contextmanager
    def listen(self) -> Iterator[Read]:
        """See `Microphone`."""
        sounddevice = _sounddevice()
        blocks: queue.SimpleQueue[FloatArray] = queue.SimpleQueue()

        def take(block: FloatArray, frames: int, time: Any, status: Any) -> None:
            blocks.put(block[:, 0].copy())  # the buffer is used again after this returns

        def read(timeout: float) -> FloatArray | None:
            try:
                return blocks.get(timeout=timeout)
            except queue.Empty:
                return None

        try:
            stream = sounddevice.InputStream(
                samplerate=SAMPLE_RATE, channels=1, dtype="float32", callback=take
            )
            stream.start()
        except (sounddevice.PortAudioError, ValueError) as error:
            raise _unusable(error) from error
        try:
            yield read
        finally:
            stream.close()


def record(
    microphone: Microphone,
    path: Path,
    on_progress: OnProgress,
    cancelled: IsCancelled,
    finished: IsFinished,
    seconds: float = MAX_RECORDING_SECONDS,
) -> float:
    """Write what the microphone hears to `path`, a WAV (48 kHz, mono, 16 bit); returns its seconds.

    It ends once `finished()` is true, after `seconds`, or when a microphone that had been heard is gone; all
    of these keep what was recorded. The file grows as `growing_wav` says, so that speech outlives a crash.
    Raises MicrophoneError where nothing was heard, A2PError where the file cannot be written, and Cancelled.
    """
    limit = round(seconds * SAMPLE_RATE)
    total = math.ceil(seconds * RECORDING_UNITS_A_SECOND)
    done, silent = 0, 0.0
    with microphone.listen() as read, growing_wav(path, SAMPLE_RATE) as write:
        on_progress(Progress(STAGE, 0, total, 0.0))
        while done < limit and silent < PATIENCE and not finished():
            raise_if(cancelled)
            block = read(_LISTEN)
            if block is None:
                silent += _LISTEN
                continue
            silent = 0.0
            block = block[: limit - done]
            write(block)
            done += len(block)
            on_progress(
                Progress(STAGE, done * RECORDING_UNITS_A_SECOND // SAMPLE_RATE, total, level_of(block))
            )
        if not finished():  # what is to be kept is kept, also by a backend that is being stopped
            raise_if(cancelled)
        if done == 0:
            raise MicrophoneError(
                "The microphone gave no sound",
                "see that it is connected and that the system lets this program use it",
            )
    return done / SAMPLE_RATE


def level_of(block: FloatArray) -> float:
    """How loud samples (N,) are, 0 to 1 on a scale that is even in decibels: 0 at -60 dB, 1 at full scale."""
    peak = float(np.abs(block).max(initial=0.0))
    if peak <= 0.0:
        return 0.0
    return min(max(1.0 - 20.0 * math.log10(peak) / _QUIETEST_DB, 0.0), 1.0)


def _unusable(error: Exception) -> MicrophoneError:
    return MicrophoneError(
        f"No microphone can be opened at 48 kHz ({error})",
        "connect one, choose it as the input in the system's sound settings, and let this program use it",
    )


def _sounddevice() -> Any:
    try:
        import sounddevice
    except ImportError as error:
        raise MicrophoneError(
            "Recording needs the package sounddevice",
            "run `pip install sounddevice` in the backend's environment",
        ) from error
    except OSError as error:  # its wheels bring PortAudio along on Windows and macOS only
        raise MicrophoneError(
            "Recording needs the library PortAudio",
            "install it (on Debian and Ubuntu `apt install libportaudio2`)",
        ) from error
    return sounddevice
