"""The backend's own environment, made from inside Blender.

One that is there already is set aside, and comes back to its place unless the new one works.
"""

from __future__ import annotations

import shutil
import sys
import threading
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from a2p_backend.wire.progress import Progress
from kinematics.errors import A2PError

from .. import backend, jobs
from . import pip_log, pythons, torch_builds
from .bundle import Bundle
from .pythons import Python
from .torch_builds import TorchBuild
from .watching import watched

LONGEST_STEP = 3 * 3600.0
"""Seconds that the download may take."""
_LONGEST_TRIAL = 600.0


@dataclass(frozen=True)
class Order:
    """What is to be installed, and where.

    folder: of the environment, made anew. package: what pip is asked for; empty: the bundle's backend.
    python: the program that makes the environment; empty: one is looked for.
    """

    folder: Path
    bundle: Bundle
    package: str = ""
    python: str = ""

    @property
    def log(self) -> Path:
        """What pip said."""
        return log_of(self.folder)

    @property
    def program(self) -> Path:
        """The environment's `a2p`."""
        return self.folder / ("Scripts/a2p.exe" if sys.platform == "win32" else "bin/a2p")

    @property
    def downloads(self) -> Path:
        """Where pip keeps what it fetched, so that a second attempt goes on; gone after a successful one."""
        return self._beside("downloads")

    @property
    def before(self) -> Path:
        """Where the environment waits that was there before."""
        return self._beside("before")

    @property
    def unfinished(self) -> Path:
        """Where a new one goes that came to nothing, until it is removed."""
        return self._beside("unfinished")

    def _beside(self, what: str) -> Path:
        return self.folder.with_name(f"{self.folder.name}-{what}")


def log_of(folder: Path) -> Path:
    """The log of the environment in `folder`."""
    return folder.with_name(f"{folder.name}-install.log")


def installing(order: Order) -> jobs.Steps:
    """Make the environment and install the backend into it: a job. On an error or Cancel the log stays."""
    try:
        order.log.parent.mkdir(parents=True, exist_ok=True)
        with order.log.open("wb") as file:
            yield Progress("looking for a Python", 0, 1)
            python = yield from pythons.finding(order.python)
            build = torch_builds.build_for((yield from torch_builds.finding_card()))
            _require_room(order.folder.parent, build)
            if backend.started_here():
                yield from backend.ending()  # Windows does not let go of a program that runs
            yield from _set_aside(order)
            try:
                yield from _installing(order, python, build, file)
            except BaseException as error:
                _put_back(order)
                if not isinstance(error, GeneratorExit):  # Blender ends: the next attempt removes it
                    yield from _removing(order.unfinished)
                raise
    except OSError as error:
        raise A2PError(
            f"Cannot make {order.folder} or its log beside it ({error.strerror or error}): stop what uses "
            "it, or name another folder as the environment in the preferences."
        ) from error
    for folder in (order.before, order.downloads):
        yield from _removing(folder)
    return jobs.Done(None, "The backend is installed: press Start.")


def _installing(
    order: Order, python: Python, build: TorchBuild, file: IO[bytes]
) -> Generator[Progress | None, None, None]:
    pip_log.note(file, f"Python {'.'.join(map(str, python.version))}, {python.program}; PyTorch {build.name}")
    yield from _environment(order, python, file)
    yield from _torch(order, python, build, file)
    yield from _packages(order, python, (order.package or order.bundle.requirement,), (), file)
    if not order.program.is_file():
        raise A2PError(f"{order.package} was installed but brings no `a2p`: see {order.log}.")
    yield Progress("trying the backend", 0, 1)
    if (yield from watched((str(order.program), "doctor"), file, _LONGEST_TRIAL)) != 0:
        raise A2PError(f"The backend was installed but does not work here: see {order.log}.")


def _environment(order: Order, python: Python, file: IO[bytes]) -> Generator[Progress | None, None, None]:
    """Without pip, which Debian's Python, for one, does not have: the bundle has it."""
    command = (python.program, "-I", "-m", "venv", "--clear", "--without-pip", str(order.folder))
    stage = Progress("making the environment", 0, 1)
    if (yield from watched(command, file, LONGEST_STEP, lambda: stage)) != 0:
        raise A2PError(
            f"{python.program} makes no environment, {pip_log.reason(order.log)}: name another Python in the "
            f"add-on's preferences, or see {order.log}."
        )


def _torch(
    order: Order, python: Python, build: TorchBuild, file: IO[bytes]
) -> Generator[Progress | None, None, None]:
    """PyTorch from its own index where that has the fitting build; else it comes with the backend."""
    if build.index is None:
        return
    try:
        options = ("--index-url", build.index, "--retries", "2")
        yield from _packages(order, python, ("torch", "torchaudio"), options, file)
    except A2PError:
        if build.needed:
            raise
        pip_log.note(file, f"{build.index} cannot be used: PyTorch comes from the usual index")


def _packages(
    order: Order, python: Python, packages: Sequence[str], options: Sequence[str], file: IO[bytes]
) -> Generator[Progress | None, None, None]:
    scripts, libraries = order.program.parent, f"lib/python{'.'.join(map(str, python.version))}"
    if sys.platform == "win32":
        libraries = "Lib"
    own = scripts / ("python.exe" if sys.platform == "win32" else "python")
    command = (str(own), str(order.bundle.pip / "pip"), "install", "--no-input", "--progress-bar", "raw")
    command += ("--disable-pip-version-check", "--cache-dir", str(order.downloads))
    command += ("--constraint", str(order.bundle.constraints), *options, *packages)
    where = order.folder / libraries / "site-packages"
    pip_log.note(file, f"pip installs {', '.join(packages)}")
    status = yield from watched(
        command, file, LONGEST_STEP, lambda: pip_log.progress(order.log, "looking for packages", where)
    )
    if status != 0:
        raise A2PError(f"Installing failed, {pip_log.reason(order.log)}: see {order.log}.")


def _set_aside(order: Order) -> Generator[Progress | None, None, None]:
    """Free the environment's place; also after an attempt that Blender did not live to end."""
    yield from _removing(order.unfinished)
    if order.before.exists():
        yield from _removing(order.before if order.program.is_file() else order.folder)
    if order.folder.exists():
        order.folder.rename(order.before)


def _put_back(order: Order) -> None:
    """Take no time: rename only."""
    if order.folder.exists():
        order.folder.rename(order.unfinished)
    if order.before.exists():
        order.before.rename(order.folder)


def _require_room(folder: Path, build: TorchBuild) -> None:
    free = shutil.disk_usage(folder).free
    if free < build.room:
        raise A2PError(
            f"{folder} has {free / 1e9:.1f} GB free, and the backend needs up to {build.room / 1e9:.0f} "
            "while it is installed: make room, or name another folder as the environment in the preferences."
        )


def _removing(folder: Path) -> Generator[Progress | None, None, None]:
    """Steps that remove a folder of gigabytes, if it is there, in a thread."""
    thread = threading.Thread(target=shutil.rmtree, args=(folder, True), name="a2p tidying", daemon=True)
    thread.start()
    while thread.is_alive():
        yield Progress("tidying up", 0, 1)
