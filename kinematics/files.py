"""Files that appear whole or not at all, and reading what others made, up to a limit."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO


def temporary_beside(target: Path) -> Path:
    """A hidden name of this process beside `target`, of the same ending, that nothing else has."""
    return target.with_name(f".{target.stem}.{os.getpid()}.{os.urandom(4).hex()}.tmp{target.suffix}")


def remove_leftovers(path: str | Path) -> None:
    """Removes temporary files and folders of `path` whose processes are gone, killed before they could.

    On Windows, where a process cannot be asked for without harm, nothing is removed.
    """
    target = Path(path)
    if sys.platform == "win32" or not target.parent.is_dir():
        return
    ending = re.escape(f".tmp{target.suffix}")
    ours = re.compile(rf"{re.escape(f'.{target.stem}.')}(\d+)\.[0-9a-f]{{8}}{ending}")
    for entry in target.parent.iterdir():
        found = ours.fullmatch(entry.name)
        if found is None or _runs(int(found[1])):
            continue
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # somebody else's
        return True
    return True


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """A temporary path beside `path`, of the same ending, for what writes files by name; what is there when
    the block ends without an error becomes `path`.

    After an error (Ctrl-C included) it is removed and whatever was at `path` is untouched. OSErrors are
    raised as they are.
    """
    temporary = temporary_beside(Path(path))
    target = Path(path)
    try:
        yield temporary
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_write(path: str | Path, mode: int = 0o666) -> Iterator[BinaryIO]:
    """Open a temporary file beside `path`; it becomes `path` when the block ends without an error.

    `mode`: the permissions of the file before the process's umask. After an error (Ctrl-C included) the
    temporary file is removed and whatever was at `path` is untouched. OSErrors are raised as they are.
    """
    with whole_file(path) as temporary:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        with os.fdopen(os.open(temporary, flags, mode), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())


def read_bytes(path: str | Path, limit: int) -> bytes:
    """The content of a file that somebody else may have made. limit: its bytes at the most.

    Raises OSError, or ValueError where it is larger.
    """
    with open(path, "rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise ValueError(f"it is larger than the {limit} bytes that it may have")
    return content


def read_text(path: str | Path, limit: int) -> str:
    """The same, as text. ValueError where it is not UTF-8, too."""
    return read_bytes(path, limit).decode("utf-8-sig")


def read_json(path: str | Path, limit: int) -> Any:
    """The value in a JSON file. limit: its bytes at the most.

    Raises OSError, or ValueError where it is larger, no JSON, or nested too deeply to be read.
    """
    try:
        return json.loads(read_text(path, limit))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
