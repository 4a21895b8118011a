from __future__ import annotations

import builtins
import itertools
import subprocess
import sys
import wave
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
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
from kinematics.errors import A2PError

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


@pytest.fixture
def said(tmp_path: Path) -> Path:
    return tmp_path / "said.wav"


def test_it_stops_and_keeps_when_told(said: Path) -> None:
    microphone, news = FakeMicrophone(itertools.repeat(voice())), list[Progress]()
    assert record(microphone, said, news.append, never, after(10)) == pytest.approx(0.5)
    assert not microphone.open
    samples, rate = soundfile.read(said)
    assert (rate, samples.shape) == (48000, (24000,))
    np.testing.assert_allclose(samples, 0.5, atol=1e-4)
    assert (news[-1].done, news[-1].total) == (5, 6000)
    assert news[-1].level == pytest.approx(0.9, abs=1e-3)


def test_it_ends_at_the_limit_to_the_sample(said: Path) -> None:
    assert record(FakeMicrophone(itertools.repeat(voice())), said, print, never, never, 0.12) == 0.12
    assert soundfile.info(said).frames == 5760


def test_a_microphone_that_goes_away_ends_the_recording_and_what_it_heard_is_kept(said: Path) -> None:
    assert record(FakeMicrophone([voice()] * 4), said, print, never, never) == pytest.approx(0.2)
    assert soundfile.info(said).frames == 4 * BLOCK


def test_what_was_said_plays_at_every_moment_and_is_called_unfinished(said: Path) -> None:
    unfinished = said.with_name("said (unfinished).wav")
    lengths = []

    def look() -> bool:
        lengths.append(soundfile.info(unfinished).frames if lengths else 0)
        return len(lengths) > 3

    record(FakeMicrophone(itertools.repeat(voice())), said, print, never, look)
    assert lengths[:4] == [0, BLOCK, 2 * BLOCK, 3 * BLOCK]
    assert list(said.parent.iterdir()) == [said]


DIES = """
import itertools, os, sys
from contextlib import contextmanager
from pathlib import Path
import numpy as np
from a2p_backend.audio.microphone import record

class Microphone:
    @contextmanager
    def listen(self):
        yield lambda timeout: np.full(480, 0.5, np.float32)

seen = itertools.count()
record(Microphone(), Path(sys.argv[1]), print, lambda: False, lambda: next(seen) == 100 and os._exit(9))
"""


def test_what_was_said_outlives_the_process(said: Path) -> None:
    left_over = said.with_name("said (unfinished).wav")
    left_over.write_bytes(b"of a crash before")
    command = [sys.executable, "-c", DIES, str(said)]
    ended = subprocess.run(command, timeout=120, capture_output=True, check=False)
    assert ended.returncode == 9, ended.stderr
    with wave.open(str(said.with_name("said (unfinished 2).wav"))) as wav:
        assert wav.getnframes() == 48000
    assert left_over.read_bytes() == b"of a crash before"
    assert not said.exists()


def test_a_full_disk_is_told_and_what_was_said_is_kept(said: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write, blocks = wave.Wave_write.writeframes, itertools.count()

    def until_full(wav: wave.Wave_write, data: bytes) -> None:
        if next(blocks) == 2:
            raise OSError(28, "No space left on device")
        write(wav, data)

    monkeypatch.setattr(wave.Wave_write, "writeframes", until_full)
    with pytest.raises(A2PError, match=r"No space left on device; .*is in .*said \(unfinished\)\.wav"):
        record(FakeMicrophone(itertools.repeat(voice())), said, print, never, never)
    assert soundfile.info(said.with_name("said (unfinished).wav")).frames == 2 * BLOCK


def test_a_recording_is_not_made_over_another_or_nowhere(said: Path) -> None:
    said.write_bytes(b"the last take")
    for path, problem in ((said, "exists already"), (said / "said.wav", "Cannot write")):
        with pytest.raises(A2PError, match=problem):
            record(FakeMicrophone([voice()]), path, print, never, never)
    assert said.read_bytes() == b"the last take"


def test_a_microphone_that_gives_nothing_is_reported_and_leaves_nothing(said: Path) -> None:
    with pytest.raises(MicrophoneError, match="gave no sound"):
        record(FakeMicrophone([]), said, print, never, never)
    assert not list(said.parent.iterdir())


def test_cancelling_keeps_nothing(said: Path) -> None:
    with pytest.raises(Cancelled):
        record(FakeMicrophone(itertools.repeat(voice())), said, print, after(3), never)
    assert not list(said.parent.iterdir())


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

    def check_input_settings(self, *, samplerate: int, channels: int, dtype: str) -> None:
        if self.broken:
            raise self.PortAudioError("Error querying device -1")

    def query_devices(self, *, kind: str) -> dict[str, object]:
        assert kind == "input"
        return {"name": "Desk microphone"}

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
    assert SystemMicrophone().name() == "Desk microphone"


def test_without_a_device_the_user_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", FakeSounddevice(broken=True))
    with pytest.raises(MicrophoneError, match="connect one"), SystemMicrophone().listen():
        pass
    with pytest.raises(MicrophoneError, match="connect one"):
        SystemMicrophone().name()
