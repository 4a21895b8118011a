"""Blender as a Python module, which runs in processes of its own: bpy and torch never share one."""

from __future__ import annotations

from importlib import util

INSTALL = "pip install bpy==4.5.15"
MISSING = f"Blender is not here as a Python module: {INSTALL} in this environment."
_ERROR = "error: "


def is_installed() -> bool:
    """Whether the processes that this one starts can load it."""
    return util.find_spec("bpy") is not None


def error_said(complaints: str) -> str:
    """The sentence with which one of the add-on's programs failed, of its standard error; "" if none."""
    lines = [line.strip() for line in complaints.splitlines()]
    said = next((line for line in reversed(lines) if line.startswith(_ERROR)), "")
    return said.removeprefix(_ERROR)


def last_line(complaints: str, otherwise: str) -> str:
    """The last line of a process's standard error that is not empty; `otherwise` where there is none."""
    lines = complaints.strip().splitlines()
    return lines[-1].strip() if lines else otherwise
