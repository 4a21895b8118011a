"""The add-on comes and goes without a trace, whatever is under way."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

bpy = pytest.importorskip("bpy")

import blender_addon  # noqa: E402
from blender_addon import jobs, waveform  # noqa: E402
from tests.server.fakes import FakeService, serving  # noqa: E402

pytestmark = [pytest.mark.bpy, pytest.mark.usefixtures("addon")]

ROOT = Path(__file__).parents[2]


@pytest.fixture
def server(endpoint: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeService]:
    """A backend in a thread, whose jobs do not end by themselves."""
    service = FakeService(slow=True)
    monkeypatch.setattr("blender_addon.compat.in_window", lambda: True)
    with serving(service, endpoint):
        yield service


def ours() -> set[str]:
    """What the add-on might leave behind: types, properties, timers, threads."""
    types = {name for name in dir(bpy.types) if name.startswith("A2P")}
    owners = {str(owner) for owner in (bpy.types.Scene, bpy.types.Action) if hasattr(owner, "a2p")}
    ticks = {jobs._tick, waveform._look}
    timers = {timer.__name__ for timer in ticks if bpy.app.timers.is_registered(timer)}
    threads = {thread.name for thread in threading.enumerate() if thread.name.startswith("a2p ")}
    return types | owners | timers | threads


def handlers() -> dict[str, int]:
    found = {name: getattr(bpy.app.handlers, name) for name in dir(bpy.app.handlers)}
    return {name: len(value) for name, value in found.items() if isinstance(value, list)}


def tick_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10.0
    while not condition():
        assert time.monotonic() < deadline
        jobs._tick()
        time.sleep(0.01)


def test_a_hundred_times_on_and_off_leaves_nothing() -> None:
    blender_addon.unregister()
    before = handlers()
    for _ in range(100):
        blender_addon.register()
        blender_addon.unregister()
    assert (ours(), handlers()) == (set(), before)
    blender_addon.register()


def test_leaving_twice_is_leaving_once() -> None:
    blender_addon.unregister()
    blender_addon.unregister()
    assert ours() == set()
    blender_addon.register()


def test_a_fault_of_ours_is_told_and_the_next_job_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("blender_addon.compat.in_window", lambda: True)

    def faulty() -> jobs.Steps:
        yield None
        raise ZeroDivisionError

    def sound() -> jobs.Steps:
        yield None
        return None

    jobs.start("First", faulty())
    jobs.start("Second", sound())
    outcomes = []
    while jobs.running() is not None or jobs.waiting():
        assert jobs._tick() is not None or jobs.running() is None
        outcomes.append(jobs.outcome())
    assert any(outcome is not None and outcome.failed for outcome in outcomes)
    assert outcomes[-1].message == "Second: done."
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_leaving_during_a_job_with_others_waiting_leaves_nothing(server: FakeService, clip: Path) -> None:
    bpy.ops.a2p.generate(clip=str(clip), takes=3)
    tick_until(lambda: server.began.acquire(blocking=False))
    blender_addon.unregister()
    assert server.cancelled.acquire(timeout=5.0)
    assert ours() == set()
    assert not jobs.waiting()
    blender_addon.register()


def test_reading_scripts_again_brings_it_back() -> None:
    blender_addon.unregister()  # as Blender's Reload Scripts does, which then reads the package anew
    importlib.reload(blender_addon).register()
    assert bpy.ops.a2p.reroll() == {"FINISHED"}


def test_another_file_during_a_job_receives_the_take(server: FakeService, clip: Path, tmp_path: Path) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "other.blend"), copy=True)
    bpy.ops.a2p.generate(clip=str(clip))
    tick_until(lambda: server.began.acquire(blocking=False))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "other.blend"))
    server.step_allowed.release(3)
    tick_until(lambda: jobs.running() is None)
    assert "A2P default" in bpy.data.objects


QUIT = """
import sys, time
sys.path.insert(0, {root!r})
import bpy, blender_addon
from blender_addon import compat, jobs
blender_addon.register()
compat.in_window = lambda: True
bpy.ops.a2p.generate(clip={clip!r})
deadline = time.monotonic() + 20
while jobs.running().progress is None and time.monotonic() < deadline:
    jobs._tick()
    time.sleep(0.01)
print("under way", jobs.running().progress, flush=True)
"""


def test_quitting_during_a_job_does_not_hang(server: FakeService, clip: Path) -> None:
    server.step_allowed.release(1)
    code = QUIT.format(root=str(ROOT), clip=str(clip))
    run = subprocess.run(
        [sys.executable, "-c", code], env=os.environ, capture_output=True, text=True, timeout=60
    )
    assert "under way Progress" in run.stdout, run.stdout + run.stderr
    assert server.cancelled.acquire(timeout=5.0)


def test_every_operator_says_what_it_does() -> None:
    silent = [
        name for name in dir(bpy.ops.a2p) if not getattr(bpy.ops.a2p, name).get_rna_type().description.strip()
    ]
    assert not silent
    untold = [
        f"{name}.{prop.identifier}"
        for name in dir(bpy.ops.a2p)
        for prop in getattr(bpy.ops.a2p, name).get_rna_type().properties
        if not prop.is_readonly and prop.identifier not in _BLENDERS_OWN and not prop.description
    ]
    assert not untold


_BLENDERS_OWN = {"rna_type", "check_existing", "filter_glob", "filepath"}
