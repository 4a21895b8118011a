"""Which build of PyTorch fits this machine.

The usual package index has one build for each system: for NVIDIA cards under Linux, whose libraries are
gigabytes that nobody needs without such a card, and for the processor under Windows, which leaves a card
idle. PyTorch's own indexes have the others.
"""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Generator
from dataclasses import dataclass

from a2p_backend.wire.progress import Progress
from kinematics.errors import A2PError

from .watching import heard

_INDEX = "https://download.pytorch.org/whl/"
_PATIENCE = 30.0
_QUESTION = ("--query-gpu=compute_cap,driver_version,name", "--format=csv,noheader,nounits")
_CUDA_13_DRIVER = 580
"""The oldest driver, by its first number, that runs programs built with CUDA 13."""
_CUDA_12_8_CAPABILITY = (7, 5)
"""Older cards (before Turing) are left out of builds with CUDA 12.8 and newer, not of those with 12.6."""
_ROOM, _ROOM_WITH_CUDA = 4_000_000_000, 9_000_000_000
_WITHOUT_TORCH = {("darwin", "x86_64"): "Macs with Intel processors", ("win32", "ARM64"): "Windows on ARM"}


@dataclass(frozen=True)
class Card:
    """An NVIDIA card: compute capability, the driver's first number."""

    name: str
    capability: tuple[int, int]
    driver: int


@dataclass(frozen=True)
class TorchBuild:
    """index: where the build is; None: the usual index has it.
    needed: whether the usual index has nothing that would do as well, if slower to fetch.
    room: bytes that the backend's packages take with it, fetched and unpacked, with some to spare."""

    name: str
    index: str | None = None
    needed: bool = False
    room: int = _ROOM_WITH_CUDA


def finding_card() -> Generator[Progress | None, None, Card | None]:
    """Steps that look for an NVIDIA card whose driver works; the first, which PyTorch uses."""
    program = shutil.which("nvidia-smi")
    return read_card((yield from heard((program, *_QUESTION), _PATIENCE))) if program else None


def read_card(said: str | None) -> Card | None:
    """The first card of nvidia-smi's answer, if it is one: a line "8.9, 560.35.03, NVIDIA RTX A4000"."""
    words = [word.strip() for word in (said or "").partition("\n")[0].split(",", 2)]
    if len(words) != 3:
        return None
    major, _, minor = words[0].partition(".")
    driver = words[1].partition(".")[0]
    if not (major.isdigit() and minor.isdigit() and driver.isdigit()):
        return None
    return Card(words[2], (int(major), int(minor)), int(driver))


def build_for(card: Card | None, system: str = sys.platform, machine: str | None = None) -> TorchBuild:
    """The build for a machine: `sys.platform`, `platform.machine()`. A2PError where there is none."""
    machine = machine or platform.machine()
    without = _WITHOUT_TORCH.get((system, machine))
    if without:
        raise A2PError(
            f"There is no PyTorch for {without}: install the backend on another machine and work there."
        )
    if system == "darwin" or machine not in ("x86_64", "AMD64"):
        return TorchBuild("for this machine", room=_ROOM)
    if card is None:
        if system == "win32":
            return TorchBuild("for the processor", room=_ROOM)
        return TorchBuild("for the processor", f"{_INDEX}cpu")
    if card.capability < _CUDA_12_8_CAPABILITY:
        return TorchBuild(f"for {card.name}, CUDA 12.6", f"{_INDEX}cu126", needed=True)
    if card.driver < _CUDA_13_DRIVER:
        return TorchBuild(f"for {card.name}, CUDA 12.8", f"{_INDEX}cu128", needed=True)
    if system == "win32":
        return TorchBuild(f"for {card.name}, CUDA 13", f"{_INDEX}cu130", needed=True)
    return TorchBuild(f"for {card.name}, CUDA 13")
