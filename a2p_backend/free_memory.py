"""How much memory a job may take before the system has to stop a program."""

from __future__ import annotations

from pathlib import Path

_SYSTEM = Path("/proc/meminfo")
_CONTAINER = Path("/sys/fs/cgroup")


def free_memory(system: Path = _SYSTEM, container: Path = _CONTAINER) -> int | None:
    """Bytes to be had on this machine, or in this container where that is less; None where nobody says.

    Sources: proc(5), MemAvailable; the Linux kernel's "Control Group v2", memory.max and memory.stat.
    """
    known = [free for free in (_of_system(system), _of_container(container)) if free is not None]
    return min(known, default=None)


def _of_system(file: Path) -> int | None:
    try:
        lines = file.read_text().splitlines()
    except OSError:  # not Linux
        return None
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:")), None)


def _of_container(folder: Path) -> int | None:
    try:
        limit = (folder / "memory.max").read_text().strip()
        used = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
    except OSError:  # no container, or no limits
        return None
    # The rest of what is counted are files' contents, which make way.
    return max(int(limit) - int(used["anon"]), 0) if limit.isdigit() and "anon" in used else None
