"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """A temporary path beside `path`, of the same ending, for what writes files by name; what is there when
    the block ends without an error becomes `path`.

    After an error (Ctrl-C included) it is removed and whatever was at `path` is untouched. OSErrors are
    raised as they are.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.stem}.{os.getpid()}.{os.urandom(4).hex()}.tmp{target.suffix}")
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
