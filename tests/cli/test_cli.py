from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from a2p_backend.cli import app
from a2p_backend.server import backend
from a2p_backend.wire.client import Client
from a2p_backend.wire.endpoint import EndpointError
from a2p_backend.wire.performance import load_take
from tests.server.fakes import DEADLINE, FakeService, serving

ROOT = Path(__file__).resolve().parents[2]


class Interrupted(FakeService):
    def generate(self, *arguments: object) -> None:
        raise KeyboardInterrupt


@pytest.fixture(autouse=True)
def nothing_of_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("A2P_ENDPOINT", str(tmp_path / "state" / "endpoint.json"))
    monkeypatch.setenv("A2P_ACTORS", str(tmp_path / "actors"))


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "tälk [take 1].wav"
    path.write_bytes(b"RIFF")
    return path


def use(monkeypatch: pytest.MonkeyPatch, service: FakeService) -> None:
    monkeypatch.setattr(backend, "Backend", lambda device: service)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_generate_in_process_writes_a_take(
    monkeypatch: pytest.MonkeyPatch, recording: Path, tmp_path: Path
) -> None:
    use(monkeypatch, FakeService())
    out = tmp_path / "take.npz"
    result = run("generate", recording, "-o", out, "--seed", 9, "--steps", 5)
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == str(out)
    assert "30 frames (1.0 s)" in result.stderr
    take = load_take(out)
    assert (take.seed, take.settings["steps"], take.clip_name) == (9, 5, recording.name)


def test_generate_and_render_by_the_running_backend(recording: Path, tmp_path: Path) -> None:
    take, video = tmp_path / "take.npz", tmp_path / "plate.mp4"
    with serving(FakeService(), tmp_path / "state" / "endpoint.json"):
        assert run("generate", recording, "-o", take, "--backend").exit_code == 0
        result = run("render", take, "-o", video, "--clip", recording, "--width", 320, "--backend")
    assert result.exit_code == 0, result.output
    assert video.read_bytes() == f"30 320 b'RIFF' {recording.name}".encode()


def test_generate_writes_several_takes_of_two_people(
    monkeypatch: pytest.MonkeyPatch, recording: Path, tmp_path: Path
) -> None:
    use(monkeypatch, FakeService())
    out, partner = tmp_path / "a.npz", tmp_path / "b.npz"
    result = run("generate", recording, "-o", out, "--seed", 9, "--takes", 2, "--partner-out", partner)
    assert result.exit_code == 0, result.output
    written = [tmp_path / name for name in ("b-001.npz", "a-001.npz", "b-002.npz", "a-002.npz")]
    assert result.stdout.splitlines() == [str(path) for path in written]
    takes = [load_take(path) for path in written]
    assert [take.seed for take in takes] == [9, 9, 10, 10]
    assert [take.settings["speaker"] for take in takes] == ["right", "left", "right", "left"]


@pytest.mark.parametrize("where", [(), ("--backend",)])
def test_generate_edits_a_take(
    monkeypatch: pytest.MonkeyPatch, recording: Path, tmp_path: Path, where: tuple[str, ...]
) -> None:
    use(monkeypatch, FakeService())
    first, second, guide = tmp_path / "first.npz", tmp_path / "second.npz", tmp_path / "guide.npy"
    np.save(guide, np.zeros((1, 104), np.float32))
    assert run("generate", recording, "-o", first).exit_code == 0
    edit = ("--lock", "0.5:0.8", "--lock-face", ":0.2", "--keep", "legs", "--strength", 0.4, "--guide", guide)
    with serving(FakeService(), tmp_path / "state" / "endpoint.json"):
        result = run("generate", recording, "-o", second, "--from", first, *edit, *where)
    assert result.exit_code == 0, result.output
    made = load_take(second).edit
    assert (made["locked_pose"], made["locked_face"]) == ([[15, 24]], [[0, 6], [15, 24]])
    assert (made["kept"], made["strength"], made["guide_given"]) == (["legs"], 0.4, [0])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("generate", "{bad}", "-o", "{out}", "--lock", "3-5"), "'3-5' is no range of seconds"),
        (("generate", "{bad}", "-o", "{out}", "--lock", "3:5"), "need a performance to start from"),
        (("generate", "{bad}", "-o", "{out}", "--from", "{absent}"), "--from alone changes nothing"),
        (
            ("generate", "{bad}", "-o", "{out}", "--keep", "legs", "--from", "{absent}"),
            "Cannot read the take",
        ),
        (("generate", "{bad}", "-o", "{out}", "--guide", "{bad}"), "is not a guide"),
        (("generate", "{bad}", "-o", "{out}", "--preset", "fast"), "preset is 'fast'"),
        (("generate", "{bad}", "-o", "{out}", "--partner-actor", "x"), "by --partner-out"),
        (("generate", "{bad}", "-o", "{out}"), "The recording is bad."),
        (("generate", "{absent}", "-o", "{out}"), "Cannot read the recording"),
        (("generate", "{bad}", "-o", "{absent}/take.npz"), "there is no folder"),
        (("generate", "{bad}", "-o", "{out}", "--steps", "0"), "steps is 0"),
        (("generate", "{bad}", "-o", "{out}", "--backend"), "No backend is running"),
        (("render", "{bad}", "-o", "{out}"), "is not a take"),
        (("render", "{bad}", "-o", "{out}", "--width", "33"), "width is 33"),
        (("actors", "info", "nobody"), "No actor is called 'nobody'"),
        (("train", "codec", "{absent}", "-o", "{out}"), "absent"),
    ],
)
def test_errors_are_one_line_and_write_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    use(monkeypatch, FakeService())
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"bad")
    places = {"bad": bad, "out": tmp_path / "out", "absent": tmp_path / "absent"}
    result = run(*(argument.format(**places) for argument in arguments))
    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    assert sentence in line
    assert [path.name for path in tmp_path.iterdir()] == ["bad.wav"]


def test_ctrl_c_leaves_nothing(monkeypatch: pytest.MonkeyPatch, recording: Path, tmp_path: Path) -> None:
    use(monkeypatch, Interrupted())
    result = run("generate", recording, "-o", tmp_path / "take.npz")
    assert result.exit_code == 130
    assert list(tmp_path.iterdir()) == [recording]


def test_second_backend_is_refused(tmp_path: Path) -> None:
    with serving(FakeService(), tmp_path / "state" / "endpoint.json"):
        result = run("serve")
    assert result.exit_code == 2
    assert f"process {os.getpid()}" in result.stderr


def test_doctor_says_something_of_every_part() -> None:
    result = run("doctor")
    assert result.exit_code in (0, 1)
    for subject in ("libraries", "networks", "OpenGL", "PyTorch3D", "espeak-ng", "default actor", "loopback"):
        assert subject in result.stderr
    assert re.search(r"^(ok|warn) +microphone", result.stderr, re.MULTILINE)
    assert "not running" in result.stderr


def test_help_loads_nothing_heavy() -> None:
    program = (
        "import sys, typer.testing, a2p_backend.cli as cli;"
        "assert 'generate' in typer.testing.CliRunner().invoke(cli.app, ['--help']).output;"
        "heavy = {'torch', 'scipy', 'soundfile', 'av', 'moderngl', 'pydantic', 'kinematics.body'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    output = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60
    )
    assert output.stdout.strip() == "[]", output.stderr


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGTERM to send")
def test_serve_answers_and_stops_when_told(tmp_path: Path) -> None:
    path = tmp_path / "endpoint.json"
    process = subprocess.Popen(
        [sys.executable, "-c", "from a2p_backend.cli import main; main()", "serve", "--endpoint", str(path)],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        deadline = time.monotonic() + 60
        while not path.exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        with Client.connect(path, timeout=DEADLINE) as client:
            assert client.hello().device
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=DEADLINE)
    finally:
        process.kill()
    assert process.returncode == 0, errors
    assert "stopped" in errors
    assert not path.exists()
    with pytest.raises(EndpointError):
        Client.connect(path)
