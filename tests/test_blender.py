"""Runs `tests/blender` in a process without torch."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.bpy
@pytest.mark.timeout(660)
@pytest.mark.skipif(find_spec("bpy") is None, reason="bpy is not installed: pip install '.[blender]'")
def test_the_blender_side() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/blender"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]
