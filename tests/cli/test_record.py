from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner, Result

from a2p_backend.audio import microphone
from a2p_backend.cli import app

BLOCK = np.full(4800, 0.5, np.float32)


class FakeMicrophone:
    """Hears something loud; Ctrl-C is pressed after `presses_after` blocks."""

    presses_after = 3

    @contextmanager
    def listen(self) -> Iterator[microphone.Read]:
        heard = 0

        def read(timeout: float) -> np.ndarray:
            nonlocal heard
            heard += 1
            if heard == self.presses_after:
                signal.raise_signal(signal.SIGINT)
            return BLOCK

        yield read


@pytest.fixture(autouse=True)
def fake_microphone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(microphone, "SystemMicrophone", FakeMicrophone)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["record", *map(str, arguments)])


def test_ctrl_c_stops_and_keeps(tmp_path: Path) -> None:
    out, before = tmp_path / "clip.wav", signal.getsignal(signal.SIGINT)
    result = run(out)
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == str(out)
    assert "0.3 s recorded" in result.stderr
    assert soundfile.info(out).frames == 3 * 4800
    assert signal.getsignal(signal.SIGINT) is before
    assert list(tmp_path.iterdir()) == [out]


def test_it_stops_by_itself(tmp_path: Path) -> None:
    assert run(tmp_path / "clip.wav", "--seconds", 0.2).exit_code == 0
    assert soundfile.info(tmp_path / "clip.wav").frames == 2 * 4800


def test_a_recording_is_not_overwritten(tmp_path: Path) -> None:
    out = tmp_path / "clip.wav"
    out.write_bytes(b"the last take")
    result = run(out)
    assert result.exit_code == 2
    assert "name another file" in result.stderr
    assert out.read_bytes() == b"the last take"


def test_without_a_microphone_no_file_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def nothing(self: FakeMicrophone) -> Iterator[microphone.Read]:
        raise microphone.MicrophoneError("No microphone can be opened", "connect one")
        yield

    monkeypatch.setattr(FakeMicrophone, "listen", nothing)
    result = run(tmp_path / "clip.wav")
    assert (result.exit_code, list(tmp_path.iterdir())) == (2, [])
    assert "No microphone can be opened: connect one." in result.stderr
