"""What tells one version of an avatar from another: a retrained one draws differently under the same name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt


def digest_of(parts: Iterable[tuple[str, npt.NDArray[np.generic]]]) -> str:
    """64 hexadecimal digits of named arrays: their names, shapes, types and bytes, in the order given."""
    digest = hashlib.sha256()
    for name, array in parts:
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).data if array.size else b"")
    return digest.hexdigest()
