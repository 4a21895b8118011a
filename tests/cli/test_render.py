"""What `a2p render` asks of the backend, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from a2p_backend.cli import app
from a2p_backend.server import backend
from a2p_backend.wire.performance import Performance, save_take
from a2p_backend.wire.settings import PlateSettings, ViewCamera
from tests.server.fakes import FakeService

CAMERA = {
    "K": [[900, 0, 320], [0, 900, 360], [0, 0, 1]],
    "Rt": [[1, 0, 0, 0], [0, 0, -1, 1], [0, 1, 0, 4]],
    "width": 640,
    "height": 720,
    "world": "capture",
}


class Recorder(FakeService):
    """Writes what it is asked for instead of a video."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[PlateSettings] = []

    def write_plate(self, performance, clip, clip_name, path, settings, on_progress, cancelled) -> None:
        self.asked.append(settings)
        path.write_bytes(f"{performance.frame_count} {clip_name}".encode())


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Recorder:
    monkeypatch.setenv("A2P_ENDPOINT", str(tmp_path / "state" / "endpoint.json"))
    service = Recorder()
    monkeypatch.setattr(backend, "Backend", lambda device: service)
    return service


@pytest.fixture
def take(tmp_path: Path) -> Path:
    pose = np.zeros((40, 104), np.float32)
    face = np.zeros((40, 256), np.float32)
    path = tmp_path / "take.npz"
    save_take(Performance(pose, face, pose[:1], "default", 0, "a.wav", ""), path)
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["render", *map(str, arguments)])


def test_a_view_some_frames_and_alpha(service: Recorder, take: Path, tmp_path: Path) -> None:
    camera, out = tmp_path / "camera.json", tmp_path / "plate.mov"
    camera.write_text(json.dumps(CAMERA))
    options = ("--view", camera, "--size", "320x180", "--alpha", "--frames", "10:", "--quality", "preview")
    result = run(take, "-o", out, *options)
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == str(out)
    assert "1.0 s of video" in result.stderr
    assert out.read_bytes() == b"40 "
    view = ViewCamera.from_dict(CAMERA)
    assert service.asked == [PlateSettings(320, 180, "auto", view, "preview", True, (10, 40))]
    assert run(take, "-o", out, "--view", "both").exit_code == 0
    assert service.asked[1] == PlateSettings(view="both")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("-o", "{out}"), "Name a take, or with --dataset a folder"),
        (("{take}", "-o", "{out}", "--dataset", "{folder}"), "Name a take, or with --dataset a folder"),
        (("-o", "{out}", "--dataset", "{folder}", "--frames", "0:5"), "--dataset goes without"),
        (("{take}", "-o", "{out}", "--view", "back"), "view is 'back'"),
        (("{take}", "-o", "{out}", "--view", "no.json"), "Cannot read the camera no.json"),
        (("{take}", "-o", "{out}", "--view", "{other}"), "is no camera: Unknown setting 'eye'"),
        (("{take}", "-o", "{out}", "--size", "big"), "size is 'big'"),
        (("{take}", "-o", "{out}", "--frames", "1-5"), "frames is '1-5'"),
        (("{take}", "-o", "{out}", "--frames", "30:50"), "the take has 40"),
        (("{take}", "-o", "{out}", "--frames", "5:5"), "the frame after the last is 5"),
        (("{take}", "-o", "{folder}"), "it exists"),
        (("{take}", "-o", "{out}.mov", "--backend"), "A backend makes .mp4 files"),
    ],
)
def test_what_is_refused(
    service: Recorder, take: Path, tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    other = tmp_path / "other.json"
    other.write_text('{"eye": 1}')
    places = {"take": take, "out": tmp_path / "out", "folder": tmp_path, "other": other}
    result = run(*(argument.format(**places) for argument in arguments))
    assert result.exit_code == 2, result.output
    (line,) = result.stderr.splitlines()
    assert sentence in line
    assert not (tmp_path / "out").exists()


def test_a_dataset(service: Recorder, tmp_path: Path) -> None:
    """The empty folder is refused by the reader of datasets, so the request has got there."""
    service.avatar = lambda actor: None
    result = run("-o", tmp_path / "out", "--dataset", tmp_path, "--actor", "PXB184")
    assert result.exit_code == 2
    assert "holds no scenes" in result.stderr
