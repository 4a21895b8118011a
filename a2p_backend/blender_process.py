"""Blender as a Python module, in processes of its own: bpy and torch never share one.

The programs are the add-on's that `python -m` can run. What they report is a JSON object on a line of their
output, among what Blender itself prints; what the user can mend is a line "error: ..." of standard error.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Sequence
from importlib import util
from typing import Any, TypeAlias

from kinematics.errors import A2PError

INSTALL = "pip install bpy==4.5.15"
MISSING = f"Blender is not here as a Python module: {INSTALL} in this environment."
_ERROR = "error: "

Report: TypeAlias = dict[str, Any]


class BlenderError(A2PError):
    """Blender is not here, did not come to an end, or failed; the message is its own where it has one."""


def is_installed() -> bool:
    """Whether the processes that this one starts can load it."""
    return util.find_spec("bpy") is not None


def require() -> None:
    """Raises BlenderError, with the remedy, where Blender is not installed."""
    if not is_installed():
        raise BlenderError(MISSING)


def run_program(
    module: str,
    arguments: Sequence[str],
    seconds: float,
    on_report: Callable[[Report], None],
    *,
    crash: str = "Blender failed",
) -> None:
    """Runs a program of the add-on to its end.

    module: such as "blender_addon.headless". seconds: how long it may take. on_report: is called with every
    report, as it comes. crash: what to say before the last line of a program that gave no reason.

    Raises BlenderError. The process ends with the call, after Ctrl-C or an error of `on_report`, too.
    """
    require()
    overdue = threading.Event()
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as complaints,
        subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=complaints,
            encoding="utf-8",
            errors="replace",
        ) as process,
    ):
        deadline = threading.Timer(seconds, lambda: (overdue.set(), process.kill()))
        deadline.start()
        try:
            assert process.stdout is not None
            _hear(process.stdout, on_report)
            status = process.wait()
        finally:
            deadline.cancel()
            process.kill()
        complaints.seek(0)
        said = complaints.read()
    if overdue.is_set():
        raise BlenderError(f"Blender was not done after {seconds:.0f} s and was stopped: give it less to do.")
    if status:
        raise BlenderError(_sentence(said) or f"{crash}: {_last_line(said) or f'status {status}'}")


def _hear(output: Iterable[str], on_report: Callable[[Report], None]) -> None:
    for line in output:
        if not line.startswith("{"):
            continue
        try:
            report = json.loads(line)
        except ValueError:
            continue  # some output of Blender's own
        on_report(report)


def _sentence(complaints: str) -> str:
    """The sentence with which a program failed, of its standard error; "" if none."""
    lines = [line.strip() for line in complaints.splitlines()]
    said = next((line for line in reversed(lines) if line.startswith(_ERROR)), "")
    return said.removeprefix(_ERROR)


def _last_line(complaints: str) -> str:
    lines = complaints.strip().splitlines()
    return lines[-1].strip() if lines else ""
