from __future__ import annotations

import time
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest

bpy = pytest.importorskip("bpy")

import blender_addon  # noqa: E402
from a2p_backend.wire.progress import Cancelled  # noqa: E402
from blender_addon import jobs  # noqa: E402
from blender_addon.services import recording  # noqa: E402
from kinematics.errors import A2PError  # noqa: E402
from tests.server.fakes import DEADLINE, FakeService, serving  # noqa: E402

pytestmark = [pytest.mark.bpy, pytest.mark.usefixtures("addon")]


@pytest.fixture(autouse=True)
def server(endpoint: Path) -> Iterator[FakeService]:
    with serving(FakeService(), endpoint) as (server, _):
        yield server._service


def length(path: Path) -> float:
    with wave.open(str(path), "rb") as wav:
        return wav.getnframes() / wav.getframerate()


def test_a_recording_becomes_the_clip(tmp_path: Path) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    settings = bpy.context.scene.a2p.clip
    settings.source = "strip"
    for number, seconds in ((1, 0.5), (2, 0.2)):
        assert bpy.ops.a2p.record(seconds=seconds) == {"FINISHED"}
        path = tmp_path / "a2p clips" / f"Recording {number}.wav"
        assert (settings.source, settings.clip) == ("file", str(path))
        assert length(path) == pytest.approx(seconds)
        assert jobs.outcome().message.startswith(f"{path.name} has reached its limit, {seconds} s")
    assert jobs.running() is None
    assert not recording.under_way()


def test_quitting_keeps_what_was_said(
    tmp_path: Path, server: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("blender_addon.compat.in_window", lambda: True)
    target, deadline = tmp_path / "said.wav", time.monotonic() + DEADLINE
    recording.start(target, 600.0)
    while not server.began.acquire(blocking=False):
        assert time.monotonic() < deadline
        jobs._tick()
        time.sleep(0.01)
    blender_addon.unregister()
    while not target.is_file():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    blender_addon.register()


def test_a_recording_is_stopped_and_kept(tmp_path: Path) -> None:
    target = tmp_path / "said.wav"
    deadline = time.monotonic() + DEADLINE
    levels = []
    for progress in recording.recording(target, 600.0):
        assert time.monotonic() < deadline
        if progress is not None and progress.level is not None:
            levels.append(progress.level)
            assert recording.under_way()
            recording.finish()
        time.sleep(0.01)
    assert set(levels) == {0.5}
    assert 0 < length(target) < 600
    assert bpy.context.scene.a2p.clip.clip == str(target)
    assert not recording.under_way()


def test_a_cancelled_recording_leaves_nothing(tmp_path: Path, server: FakeService) -> None:
    steps = recording.recording(tmp_path / "clips", 600.0)
    while not server.began.acquire(blocking=False):
        next(steps)
        time.sleep(0.01)

    def cancel() -> None:
        steps.throw(Cancelled())
        for _ in steps:
            time.sleep(0.01)

    with pytest.raises(Cancelled):
        cancel()
    assert not list((tmp_path / "clips").iterdir())
    assert bpy.context.scene.a2p.clip.clip == ""
    assert not recording.under_way()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "Save the .blend first"),
        ({"filepath": "speech.mp3"}, "end in .wav"),
        ({"filepath": "a clip.wav"}, "exists already"),
        ({"filepath": "endpoint.json/a.wav", "seconds": 0.1}, "Cannot write the recording"),
    ],
)
def test_what_is_wrong_is_said(clip: Path, tmp_path: Path, options: dict[str, object], message: str) -> None:
    before = clip.read_bytes()
    if "filepath" in options:
        options = {**options, "filepath": str(tmp_path / str(options["filepath"]))}
    with pytest.raises(RuntimeError, match=message):
        bpy.ops.a2p.record(**options)
    assert clip.read_bytes() == before
    assert not recording.under_way()


def test_recording_does_not_queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "running", lambda: jobs.Running(1, "Something", iter(())))
    with pytest.raises(A2PError, match="is under way"):
        recording.start(tmp_path / "a.wav", 1.0)
