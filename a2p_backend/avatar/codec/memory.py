"""How much memory there is, and freed memory that stays with the process while picture follows picture."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch

# glibc's mallopt(3): parameters, and their defaults.
_TRIM_THRESHOLD, _TRIM_DEFAULT = -1, 128 * 1024
_MMAP_MAX, _MMAP_DEFAULT = -4, 65536
_NEVER = 2**31 - 1


_ASSUMED_FREE = 2 << 30
"""Bytes, where the system does not say."""


def free_memory(device: torch.device) -> int:
    """Bytes that a device has to spare."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf, macOS not this name
        return _ASSUMED_FREE


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Maps of 64 MB come and go with every layer; to map their pages anew each time is a third of the work.

    Of glibc only; elsewhere nothing happens. On leaving, what is free goes back to the system.
    """
    libc = ctypes.CDLL(None) if sys.platform.startswith("linux") else None
    if libc is None or not (hasattr(libc, "mallopt") and hasattr(libc, "malloc_trim")):
        yield
        return
    libc.mallopt(_MMAP_MAX, 0)
    libc.mallopt(_TRIM_THRESHOLD, _NEVER)
    try:
        yield
    finally:
        libc.mallopt(_MMAP_MAX, _MMAP_DEFAULT)
        libc.mallopt(_TRIM_THRESHOLD, _TRIM_DEFAULT)
        libc.malloc_trim(0)
