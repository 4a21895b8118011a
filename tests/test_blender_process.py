"""How the add-on's programs are run and heard; stand-ins take their places, so that no Blender is needed."""

from __future__ import annotations

from pathlib import Path

import pytest

from a2p_backend import blender_process
from a2p_backend.blender_process import BlenderError, Report, run_program

PATIENCE = 60.0


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The source file of a module `stand_in`, which a process that this one starts can run."""
    monkeypatch.setattr(blender_process, "is_installed", lambda: True)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path / "stand_in.py"


def test_reports_are_heard_among_what_blender_prints(program: Path) -> None:
    program.write_text(
        "import json, sys\nprint('Fra:1 Mem:2M')\nprint('{not a report}')\n"
        "print(json.dumps({'stage': sys.argv[1]}))"
    )
    heard: list[Report] = []
    run_program("stand_in", ["face"], PATIENCE, heard.append)
    assert heard == [{"stage": "face"}]


def test_a_programs_own_sentence_is_the_error(program: Path) -> None:
    program.write_text("import sys\nsys.exit('error: There is no rig.\\nBlender quit')")
    with pytest.raises(BlenderError, match=r"^There is no rig\.$"):
        run_program("stand_in", [], PATIENCE, print)


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("raise OSError('no space')", "It failed: OSError: no space"),
        ("import os; os._exit(3)", "It failed: status 3"),
    ],
)
def test_a_crash_is_told_by_its_last_line(program: Path, source: str, told: str) -> None:
    program.write_text(source)
    with pytest.raises(BlenderError) as failure:
        run_program("stand_in", [], PATIENCE, print, crash="It failed")
    assert str(failure.value) == told


@pytest.mark.parametrize("source", ["pass", "print('x', flush=True); import sys; sys.stdout.close()"])
def test_what_does_not_end_is_stopped(program: Path, source: str) -> None:
    program.write_text(f"{source}\nimport time\ntime.sleep(1000)")
    with pytest.raises(BlenderError, match="not done after 1 s"):
        run_program("stand_in", [], 1.0, print)


def test_an_error_of_the_listener_ends_the_program(program: Path) -> None:
    program.write_text("import time\nprint('{\"done\": 1}', flush=True)\ntime.sleep(1000)")

    def interrupt(report: Report) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_program("stand_in", [], 2000.0, interrupt)


def test_a_missing_blender_is_told_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blender_process, "is_installed", lambda: False)
    with pytest.raises(BlenderError, match="pip install bpy"):
        run_program("stand_in", [], PATIENCE, print)
