from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

bpy = pytest.importorskip("bpy")

import blender_addon  # noqa: E402
from a2p_backend import __version__  # noqa: E402
from a2p_backend.wire.endpoint import read_endpoint  # noqa: E402
from blender_addon import backend, farewell, jobs  # noqa: E402

pytestmark = [
    pytest.mark.bpy,
    pytest.mark.usefixtures("addon"),
    pytest.mark.skipif(os.name != "posix", reason="the stand-in for the a2p program is a script"),
    pytest.mark.usefixtures("endpoint"),
]

ROOT = Path(__file__).parents[2]
SERVE = """
from a2p_backend.server.server import Server
from tests.server.fakes import FakeService
Server(FakeService()).serve()
"""


def program(folder: Path, code: str) -> str:
    """An `a2p` that runs `code`."""
    path = folder / "a2p"
    path.write_text(f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(ROOT)!r})\n{code}")
    path.chmod(0o755)
    return str(path)


def test_start_waits_until_it_answers_and_stop_ends_it(
    endpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = program(tmp_path, SERVE)
    monkeypatch.setattr("blender_addon.preferences.backend_program", lambda: started)
    assert bpy.ops.a2p.start_backend() == {"FINISHED"}
    assert backend.actor_names() == ["default"]
    assert backend.mismatch().startswith(f"The backend is a2p 1.2.3, the add-on {__version__}")
    monkeypatch.setattr(backend, "__version__", "1.2.3")
    assert not backend.mismatch()
    process = read_endpoint(endpoint)

    blender_addon.unregister()
    assert not process.process_runs()
    assert backend.known() is None
    blender_addon.register()


@pytest.mark.parametrize(
    ("code", "message"), [("sys.exit(1)", "ended while starting"), (None, "There is no program")]
)
def test_a_backend_that_does_not_start_is_named(
    code: str | None, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = program(tmp_path, code) if code else str(tmp_path / "missing")
    monkeypatch.setattr("blender_addon.preferences.backend_program", lambda: started)
    with pytest.raises(RuntimeError, match=message):
        bpy.ops.a2p.start_backend()


def test_a_program_that_does_not_end_is_waited_for_in_steps_and_killed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(farewell, "PATIENCE", 0.1)
    code = "from signal import *; signal(SIGTERM, SIG_IGN); print(flush=True); pause()"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        process.terminate()
        steps = farewell.seeing_off(process)
        next(steps)
        assert process.poll() is None
        assert list(steps)
        assert process.poll() == -signal.SIGKILL


def test_stopping_takes_back_what_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("blender_addon.compat.in_window", lambda: True)
    taken_back = []

    def waits(name: str) -> jobs.Steps:
        try:
            while True:
                yield None
        except GeneratorExit:
            taken_back.append(name)
            raise

    for name in ("first", "second"):
        steps = waits(name)
        next(steps)
        jobs.start(name, steps)
    bpy.ops.a2p.stop_backend()
    assert not jobs.waiting()
    assert "second" in taken_back
