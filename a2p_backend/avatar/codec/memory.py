"""Freed memory that stays with the process while a picture follows the other."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# glibc's mallopt(3): parameters, and their defaults.
_TRIM_THRESHOLD, _TRIM_DEFAULT = -1, 128 * 1024
_MMAP_MAX, _MMAP_DEFAULT = -4, 65536
_NEVER = 2**31 - 1


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
