from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

bpy = pytest.importorskip("bpy")

import blender_addon  # noqa: E402
from a2p_backend.wire.progress import Progress  # noqa: E402
from blender_addon import backend, jobs  # noqa: E402
from blender_addon.scene import takes  # noqa: E402
from tests.blender.performances import counts  # noqa: E402
from tests.server.fakes import FakeService, serving  # noqa: E402

pytestmark = [pytest.mark.bpy, pytest.mark.usefixtures("addon")]


@pytest.fixture
def server(endpoint: Path) -> Iterator[FakeService]:
    """A backend in a thread, found by its endpoint file."""
    service = FakeService()
    with serving(service, endpoint):
        yield service


@pytest.mark.usefixtures("server")
def test_generate_over_the_wire_is_one_undo_step(clip: Path) -> None:
    bpy.ops.ed.undo_push(message="before")
    before, end = counts(), bpy.context.scene.frame_end

    assert bpy.ops.a2p.generate(clip=str(clip), seed=0) == {"FINISHED"}
    rig = bpy.data.objects["A2P default"]
    assert rig.animation_data.action.name == "a clip seed 0"
    assert "jaw_open" in rig
    assert bpy.context.scene.frame_end == 30

    bpy.ops.ed.undo()
    assert counts() == before
    assert bpy.context.scene.frame_end == end
    bpy.ops.ed.redo()
    assert bpy.data.objects["A2P default"].animation_data.action.name == "a clip seed 0"


@pytest.mark.usefixtures("server", "sound")
def test_what_is_no_recording_is_said(clip: Path) -> None:
    with pytest.raises(RuntimeError, match=r"Blender cannot play .*endpoint\.json"):
        bpy.ops.a2p.generate(clip=str(clip.with_name("endpoint.json")))


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("a clip.wav", {"actor": "nobody"}, "No actor is called 'nobody'"),
        ("gone.wav", {}, "Cannot read the recording"),
        ("", {}, "Choose a recording"),
    ],
)
def test_errors_are_one_sentence_and_leave_nothing(
    clip: Path, name: str, options: dict[str, str], message: str
) -> None:
    before = counts()
    with pytest.raises(RuntimeError, match=message):
        bpy.ops.a2p.generate(clip=str(clip.parent / name) if name else "", **options)
    assert counts() == before
    assert jobs.running() is None


def test_no_backend_is_an_error_that_says_so(
    clip: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("A2P_ENDPOINT", str(tmp_path / "nothing.json"))
    with pytest.raises(RuntimeError, match="a2p serve"):
        bpy.ops.a2p.generate(clip=str(clip))


@pytest.mark.usefixtures("server")
def test_connect_learns_who_the_backend_is() -> None:
    assert bpy.ops.a2p.connect() == {"FINISHED"}
    assert backend.known().info.device == "cpu"
    assert backend.actor_names() == ["default"]


def test_cancel_in_a_window_tells_the_backend(
    server: FakeService, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("blender_addon.compat.in_window", lambda: True)
    server.slow = True
    before = counts()
    bpy.ops.a2p.generate(clip=str(clip))
    assert bpy.app.timers.is_registered(jobs._tick)
    server.step_allowed.release()
    tick_until(lambda: jobs.running().progress is not None)
    assert jobs.running().progress == Progress("body", 1, 3)

    bpy.ops.a2p.cancel()
    tick_until(lambda: jobs.running() is None)
    assert server.cancelled.acquire(timeout=5.0)
    assert jobs.outcome() == jobs.Outcome("Seed 0 of a clip: cancelled.")
    assert counts() == before


def test_jobs_queue_and_each_can_be_taken_back(
    server: FakeService, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("blender_addon.compat.in_window", lambda: True)
    bpy.ops.a2p.generate(clip=str(clip), takes=3)
    first, second, third = jobs.running(), *jobs.waiting()
    assert [job.label[:6] for job in (first, second, third)] == ["Seed 0", "Seed 1", "Seed 2"]
    bpy.ops.a2p.cancel(job=second.number)
    tick_until(lambda: jobs.running() is None and not jobs.waiting())
    assert {action.name for action in bpy.data.actions} == {"a clip seed 0", "a clip seed 2"}
    assert [member.type for member in bpy.context.scene.objects].count("ARMATURE") == 1


@pytest.mark.usefixtures("server")
def test_a_conversation_gives_two_people_who_face_each_other(clip: Path) -> None:
    bpy.ops.a2p.generate(clip=str(clip), with_partner=True, with_mesh=False)
    actor, partner = bpy.data.objects["A2P default"], bpy.data.objects["A2P default.001"]
    assert takes.header(partner.animation_data.action)["settings"]["speaker"] == "right"
    facing = partner.matrix_world.to_3x3() @ actor.matrix_world.to_3x3().inverted()
    assert facing[1][1] == pytest.approx(-1.0)
    assert partner.location.y < -1.0


def test_a_take_that_comes_during_edit_mode_waits_and_can_be_undone(
    server: FakeService, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("blender_addon.compat.in_window", lambda: True)
    editing = True
    monkeypatch.setattr("blender_addon.compat.in_local_undo_mode", lambda: editing)
    bpy.ops.ed.undo_push(message="before")
    before = counts()
    bpy.ops.a2p.generate(clip=str(clip))
    tick_until(lambda: "edit mode" in jobs.running().progress.stage if jobs.running().progress else False)
    assert counts() == before
    editing = False
    tick_until(lambda: jobs.running() is None)
    assert "A2P default" in bpy.data.objects
    bpy.ops.ed.undo()
    assert "A2P default" not in bpy.data.objects


def test_a_job_outlives_the_file_and_undo(
    server: FakeService, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("blender_addon.compat.in_window", lambda: True)
    server.slow = True
    bpy.ops.a2p.generate(clip=str(clip), seed=0)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.ed.undo_push(message="something")
    assert bpy.app.timers.is_registered(jobs._tick)
    server.step_allowed.release(3)
    tick_until(lambda: jobs.running() is None)
    assert jobs.outcome() == jobs.Outcome("Seed 0 of a clip: done.")
    assert bpy.data.objects["A2P default"].name in bpy.context.scene.objects


def test_the_step_that_writes_the_result_is_timed_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(
        "blender_addon.jobs.time", SimpleNamespace(monotonic=lambda: now, sleep=lambda _: None)
    )

    def steps() -> jobs.Steps:
        nonlocal now
        for seconds in (1.0, 3.0, 2.0):
            now += seconds
            yield None
        now += 7.0
        return None

    jobs.start("timed", steps())
    assert (jobs.outcome().longest_step, jobs.outcome().last_step) == (3.0, 7.0)


def test_unregistering_ends_a_job(server: FakeService, clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blender_addon.compat.in_window", lambda: True)
    server.slow = True
    bpy.ops.a2p.generate(clip=str(clip))
    tick_until(lambda: server.began.acquire(blocking=False))
    blender_addon.unregister()
    assert server.cancelled.acquire(timeout=5.0)
    assert not bpy.app.timers.is_registered(jobs._tick)
    blender_addon.register()


def test_registering_twenty_times_leaves_nothing() -> None:
    blender_addon.unregister()
    before = set(dir(bpy.types)), {name: len(list_) for name, list_ in _handlers()}
    for _ in range(20):
        blender_addon.register()
        blender_addon.unregister()
    assert (set(dir(bpy.types)), {name: len(list_) for name, list_ in _handlers()}) == before
    assert not hasattr(bpy.types.Scene, "a2p")
    assert not bpy.app.timers.is_registered(jobs._tick)
    blender_addon.register()


def tick_until(condition: Callable[[], bool]) -> None:
    """Stand in for Blender's main loop, which does not run in background mode."""
    deadline = time.monotonic() + 10.0
    while not condition():
        assert time.monotonic() < deadline
        jobs._tick()
        time.sleep(0.01)


def _handlers() -> list[tuple[str, list]]:
    return [
        (name, value)
        for name in dir(bpy.app.handlers)
        if isinstance(value := getattr(bpy.app.handlers, name), list)
    ]
