"""The end of other programs: asked for at once, waited for without holding Blender up."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Generator

PATIENCE = 5.0
"""Seconds that a program has to end in order; then it is killed."""


def seeing_off(process: subprocess.Popen[bytes]) -> Generator[None, None, None]:
    """Steps that wait until a program which was asked to end is gone. However they end, it does not go on."""
    deadline = time.monotonic() + PATIENCE
    try:
        while process.poll() is None and time.monotonic() < deadline:
            yield None
    finally:
        _kill(process)


def see_off(process: subprocess.Popen[bytes]) -> None:
    """Wait until it is gone: for when Blender itself ends."""
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        _kill(process)


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
        process.wait(PATIENCE)
