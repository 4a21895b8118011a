"""Other programs, run to their end without holding Blender up."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import IO

from a2p_backend.wire.progress import Progress
from kinematics.errors import A2PError

from .. import farewell

_NO_CONSOLE = {"creationflags": subprocess.CREATE_NO_WINDOW} if sys.platform == "win32" else {}


def watched(
    command: Sequence[str],
    output: IO[bytes],
    seconds: float,
    news: Callable[[], Progress | None] = lambda: None,
) -> Generator[Progress | None, None, int]:
    """Steps that wait until `command`, which writes to `output`, has ended; its exit status.

    news: how far it is. Raises A2PError where it cannot be run or takes longer than `seconds`. However the
    steps end, the program does not go on.
    """
    try:
        process = subprocess.Popen(
            command,
            cwd=Path.home(),  # PyTorch dies in a folder that was deleted, as Blender's may be by now
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            **_NO_CONSOLE,
        )
    except OSError as error:
        raise A2PError(f"Cannot run {command[0]}: {error.strerror or error}.") from error
    deadline = time.monotonic() + seconds
    try:
        while process.poll() is None:
            if time.monotonic() > deadline:
                raise A2PError(f"{command[0]} took over {seconds / 60:g} minutes and was given up.")
            yield news()
    except BaseException as error:
        process.terminate()
        if isinstance(error, GeneratorExit):  # Blender ends: there are no further steps
            farewell.see_off(process)
        else:
            yield from farewell.seeing_off(process)
        raise
    return process.returncode


def heard(command: Sequence[str], seconds: float) -> Generator[Progress | None, None, str | None]:
    """Steps that run `command`, which says little; what it said, None where it failed or cannot be run."""
    with tempfile.TemporaryFile() as output:
        try:
            status = yield from watched(command, output, seconds)
        except A2PError:
            return None
        output.seek(0)
        said = output.read().decode("utf-8", errors="replace")
    return said if status == 0 else None
