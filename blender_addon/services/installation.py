"""The backend's own environment, made from inside Blender."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from a2p_backend.wire.progress import Progress
from kinematics.errors import A2PError

from .. import jobs

OLDEST_PYTHON = (3, 11)
LONGEST_STEP = 3600.0
"""Seconds that the download may take."""
_PACKAGES = 40
"""About how many packages the backend needs, for the progress."""
_FAREWELL = 5.0


@dataclass(frozen=True)
class Installation:
    """Where the backend goes, and from where.

    folder: of the environment. package: what pip installs: a name, an address, or a folder or wheel that is
    on this machine. python: the program that makes the environment.
    """

    folder: Path
    package: str
    python: str

    @property
    def program(self) -> Path:
        """The environment's `a2p`."""
        return self.folder / ("Scripts/a2p.exe" if sys.platform == "win32" else "bin/a2p")

    @property
    def log(self) -> Path:
        """What pip said."""
        return self.folder.with_name(f"{self.folder.name}-install.log")

    @property
    def commands(self) -> tuple[tuple[str, tuple[str, ...]], ...]:
        """Each stage's name and command."""
        python = str(self.program.with_name("python.exe" if sys.platform == "win32" else "python"))
        pip = (python, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", self.package)
        return (
            ("making the environment", (self.python, "-m", "venv", "--clear", str(self.folder))),
            ("installing", pip),
        )


def own_python() -> str:
    """The Python that Blender brings, if the backend runs on it. Raises A2PError."""
    if sys.version_info[:2] < OLDEST_PYTHON:
        wanted = ".".join(map(str, OLDEST_PYTHON))
        raise A2PError(
            f"The backend needs Python {wanted} or newer, and this Blender has "
            f"{sysconfig.get_python_version()}: name one in the add-on's preferences."
        )
    return sys.executable


def installing(installation: Installation) -> jobs.Steps:
    """Make the environment and install the backend into it: a job. On an error or Cancel the log stays."""
    log = installation.log
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("wb") as file:
            for stage, command in installation.commands:
                yield from _running(stage, command, file, log)
    except OSError as error:
        raise A2PError(f"Cannot write {log}: {error.strerror or error}.") from error
    if not installation.program.is_file():
        raise A2PError(f"{installation.package} was installed but brings no `a2p`: see {log}.")
    return None


def _running(
    stage: str, command: Sequence[str], output: IO[bytes], log: Path
) -> Generator[Progress | None, None, None]:
    try:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
    except OSError as error:
        raise A2PError(f"Cannot run {command[0]}: {error.strerror or error}.") from error
    deadline = time.monotonic() + LONGEST_STEP
    try:
        while process.poll() is None:
            if time.monotonic() > deadline:
                raise A2PError(f"Installing the backend took over an hour and was given up: see {log}.")
            yield Progress(stage, min(_collected(log), _PACKAGES - 1), _PACKAGES)
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(_FAREWELL)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(_FAREWELL)
    if process.returncode != 0:
        raise A2PError(f"{stage.capitalize()} failed, {_last_line(log)}: see {log}.")


def _collected(log: Path) -> int:
    """How many packages pip has looked at."""
    return log.read_bytes().count(b"Collecting ")


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text("utf-8", errors="replace").splitlines() if line.strip()]
    return lines[-1].strip().rstrip(".")[:200] if lines else "with no reason given"
