"""How far pip is, from what it says with `--progress-bar raw`, and what it failed of.

A log may hold several programs' words; `note` is called before each, and only the last one's are read.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import IO

from a2p_backend.wire.progress import Progress

_TAIL = 16384
"""Bytes at the log's end in which the last words are looked for."""
_MEGABYTE = 1_000_000
_WORTH_TELLING = 10 * _MEGABYTE
"""Bytes of a download that is told by its name."""
_OURS = "a2p: "
_UNPACKING = "Installing collected packages:"
_NO_NETWORK = re.compile(
    r"NewConnectionError|NameResolutionError|ConnectTimeoutError|Failed to establish a new connection"
    r"|ProxyError|Network is unreachable"
)


def note(file: IO[bytes], line: str) -> None:
    """Add a line of ours to a log."""
    file.write(f"{_OURS}{line}\n".encode())
    file.flush()


def progress(log: Path, stage: str, packages: Path) -> Progress:
    """What pip does: it looks for packages, how many is not known before; downloads them; unpacks them.

    stage: what the first of these is called. packages: where it unpacks to.
    """
    said = _end_of(log)
    if _UNPACKING in said:
        names = said.rpartition(_UNPACKING)[2].partition("\n")[0].split(",")
        there = {_plain(path.name.partition("-")[0]) for path in packages.glob("*.dist-info")}
        return Progress("unpacking packages", sum(_plain(name) in there for name in names), len(names))
    file, _, since = said.rpartition("Downloading ")[2].partition(" (")
    counts = re.findall(r"^Progress (\d+) of (\d+)$", since, re.MULTILINE)
    if counts and int(counts[-1][1]) >= _WORTH_TELLING:
        done, total = (int(count) // _MEGABYTE for count in counts[-1])
        name = file.rpartition("/")[2].partition("-")[0]
        return Progress(f"{name}, {total} MB", done, total)
    return Progress(stage, 0, 1)


def reason(log: Path) -> str:
    """Why pip, or another program that wrote the log, failed: its last line, or that nothing was reached."""
    said = _end_of(log)
    if _NO_NETWORK.search(said):
        return "the package index cannot be reached (check the network, or the proxy in pip's configuration)"
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")] or lines
    return errors[-1].removeprefix("ERROR:").strip().rstrip(".")[:200] if errors else "no reason given"


def _plain(name: str) -> str:
    """A package's name, of whose spellings pip and the file system use several."""
    return re.sub(r"[-_.]+", "_", name.strip()).lower()


def _end_of(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL))
        said = file.read().decode("utf-8", errors="replace").replace("\r", "")
    return said.rpartition(_OURS)[2]
