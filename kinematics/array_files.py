"""Arrays from .npy and .npz files that somebody else may have made.

Nothing is unpickled, and no memory is reserved on a file's word alone: numpy's own reader makes room for what
a header announces before it looks whether the file holds as much.
"""

from __future__ import annotations

import io
import math
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from kinematics.arrays import Array
from kinematics.files import read_bytes

_npy: Any = np.lib.format  # public, but without type hints in some numpy versions
_ROOM_FOR_HEADER = 4096
_LARGEST_SIZE = 1 << 31
_KINDS = "biufcSU"
_HEADER_READERS = {(1, 0): _npy.read_array_header_1_0, (2, 0): _npy.read_array_header_2_0}


class ArrayFileError(ValueError):
    """What is wrong with a file of arrays, as the second half of a sentence: "it has no pose"."""


def read_npy(path: str | Path, limit: int) -> Array:
    """The array of an .npy file, read-only. limit: its bytes at the most.

    Raises OSError, or ArrayFileError where the file is not that, or larger.
    """
    try:
        content = read_bytes(path, limit + _ROOM_FOR_HEADER)
    except ValueError as error:
        raise ArrayFileError(str(error)) from error
    return _array(content, "array")


def read_npz(path: str | Path, limit: int, names: Iterable[str] | None = None) -> dict[str, Array]:
    """The arrays of an .npz file by their names, read-only. limit: the bytes of each at the most.

    names: which to read; all by default.

    Raises OSError, or ArrayFileError where the file is damaged, lacks one of the names, or holds what is not
    plain numbers or text.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = [f"{name}.npy" for name in names] if names is not None else archive.namelist()
            return {member.removesuffix(".npy"): _member(archive, member, limit) for member in members}
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error) as error:
        raise ArrayFileError("it is damaged or of another kind") from error


def _member(archive: zipfile.ZipFile, member: str, limit: int) -> Array:
    name = member.removesuffix(".npy")
    try:
        info = archive.getinfo(member)
    except KeyError as error:
        raise ArrayFileError(f"it has no {name}") from error
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ArrayFileError(f"its {name} is compressed in a way that numpy does not use")
    if info.file_size > limit + _ROOM_FOR_HEADER:
        raise ArrayFileError(f"its {name} is larger than it may be: {info.file_size} bytes")
    return _array(archive.read(info), name)


def _array(content: bytes, name: str) -> Array:
    stream = io.BytesIO(content)
    try:
        read_header = _HEADER_READERS[_npy.read_magic(stream)]
        shape, fortran_order, dtype = read_header(stream)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise ArrayFileError(f"its {name} is not in numpy's format") from error
    if dtype.kind not in _KINDS:
        raise ArrayFileError(f"its {name} holds {dtype} values, not numbers or text")
    values = len(content) - stream.tell()
    if not all(type(size) is int and 0 <= size < _LARGEST_SIZE for size in shape):
        raise ArrayFileError(f"its {name} is of a shape that no array has")
    if math.prod(shape) * dtype.itemsize != values:
        raise ArrayFileError(f"its {name} is cut short")
    array: Array = np.frombuffer(content, dtype, offset=stream.tell())
    return array.reshape(shape, order="F" if fortran_order else "C")
