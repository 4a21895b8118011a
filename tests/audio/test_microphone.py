from __future__ import annotations

import builtins
import io
import itertools
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import soundfile

from a2p_backend.audio.clip import SAMPLE_RATE
from a2p_backend.audio.microphone import (
    MicrophoneError,
    Read,
    SystemMicrophone,
    level_of,
    record,
)
from a2p_backend.wire.progress import Cancelled, Progress

BLOCK = SAMPLE_RATE // 20


class FakeMicrophone:
    """Hears the given blocks, then nothing any more."""

    def __init__(self, blocks: Iterable[np.ndarray]) -> None:
        self.blocks = iter(blocks)
        self.open = False

    @contextmanager
    def listen(self) -> Iterator[Read]:
        self.open = True
        yield lambda timeout: next(self.blocks, None)
        self.open = False


def voice(level: float = 0.5) -> np.ndarray:
    return np.full(BLOCK, level, np.float32)


def never() -> bool:
    return False


def after(looks: int) -> Any:
    seen = itertools.count()
    return lambda: next(seen) >= looks


def test_it_stops_and_keeps_when_told() -> None:
    microphone, file, news = FakeMicrophone(itertools.repeat(voice())), io.BytesIO(), list[Progress]()
    assert record(microphone, file, news.append, never, after(10)) == pytest.approx(0.5)
    assert not microphone.open
    file.seek(0)
    samples, rate = soundfile.read(file)
    assert (rate, samples.shape) == (48000, (24000,))
    np.testing.assert_allclose(samples, 0.5, atol=1e-4)
    assert (news[-1].done, news[-1].total) == (5, 6000)
    assert news[-1].level == pytest.approx(0.9, abs=1e-3)


def test_it_ends_at_the_limit_to_the_sample() -> None:
    file = io.BytesIO()
    assert record(FakeMicrophone(itertools.repeat(voice())), file, print, never, never, 0.12) == 0.12
    file.seek(0)
    assert soundfile.info(file).frames == 5760


def test_a_microphone_that_goes_away_ends_the_recording_and_what_it_heard_is_kept() -> None:
    assert record(FakeMicrophone([voice()] * 4), io.BytesIO(), print, never, never) == pytest.approx(0.2)


def test_a_microphone_that_gives_nothing_is_reported() -> None:
    with pytest.raises(MicrophoneError, match="gave no sound"):
        record(FakeMicrophone([]), io.BytesIO(), print, never, never)


def test_cancelling_keeps_nothing() -> None:
    with pytest.raises(Cancelled):
        record(FakeMicrophone(itertools.repeat(voice())), io.BytesIO(), print, after(3), never)


def test_the_level_is_even_in_decibels() -> None:
    levels = [level_of(voice(peak)) for peak in (0.0, 1e-4, 0.001, 10**-1.5, 1.0, 1.5)]
    np.testing.assert_allclose(levels, [0, 0, 0, 0.5, 1, 1], atol=1e-6)
    assert level_of(np.zeros(0, np.float32)) == 0


@pytest.mark.parametrize(
    ("failure", "remedy"), [(ImportError, "pip install sounddevice"), (OSError, "libportaudio2")]
)
def test_what_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, failure: type[Exception], remedy: str
) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: Any, **options: Any) -> Any:
        if name == "sounddevice":
            raise failure
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MicrophoneError, match=remedy), SystemMicrophone().listen():
        pass


class FakeSounddevice:
    """The part of the library that is used; its stream delivers two blocks when it starts."""

    class PortAudioError(Exception):
        pass

    def __init__(self, broken: bool = False) -> None:
        self.broken = broken
        self.closed = False

    def InputStream(self, *, samplerate: int, channels: int, dtype: str, callback: Any) -> FakeSounddevice:
        if self.broken:
            raise self.PortAudioError("Error querying device -1")
        assert (samplerate, channels, dtype) == (SAMPLE_RATE, 1, "float32")
        self.callback = callback
        return self

    def start(self) -> None:
        buffer = np.zeros((4, 1), np.float32)
        for value in (0.25, 0.5):
            buffer[:] = value  # PortAudio uses one buffer again and again
            self.callback(buffer, len(buffer), None, None)

    def close(self) -> None:
        self.closed = True


def test_the_systems_microphone(monkeypatch: pytest.MonkeyPatch) -> None:
    library = FakeSounddevice()
    monkeypatch.setitem(sys.modules, "sounddevice", library)
    with SystemMicrophone().listen() as read:
        assert [block[0] for block in (read(0.01), read(0.01))] == [0.25, 0.5]
        assert read(0.01) is None
    assert library.closed


def test_without_a_device_the_user_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", FakeSounddevice(broken=True))
    with pytest.raises(MicrophoneError, match="connect one"), SystemMicrophone().listen():
        pass
