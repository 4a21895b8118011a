"""What a pickle may hold here: plain data, tensors that stay in their file, and the names of released files.

A pickle can ask for nothing but `NAMES`, and have nothing called but their `Name.make`; nothing is imported.
"""

from __future__ import annotations

import argparse
import math
import struct
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from kinematics.errors import A2PError

MAX_DIMENSIONS = 32
_LARGEST_SIZE = 1 << 48


class RestrictedPickleError(A2PError):
    """A file is damaged, or asks for what no released file needs."""


@contextmanager
def refusing(path: Path) -> Iterator[None]:
    """Names the file in every refusal."""
    try:
        yield
    except RestrictedPickleError as error:
        raise RestrictedPickleError(
            f"{path} is refused: {error}; get the file again from where it was released."
        ) from error
    except OSError as error:
        raise RestrictedPickleError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError, struct.error) as error:
        raise RestrictedPickleError(
            f"{path} is damaged or not of a known format ({error}); get the file again."
        ) from error


class Storages(Protocol):
    """Where a checkpoint keeps the numbers of its tensors."""

    path: Path

    def read(self, key: str, byte_count: int) -> bytearray:
        """The bytes of a storage. Raises RestrictedPickleError where there are not that many."""
        ...


@dataclass(frozen=True, eq=False)
class StoredTensor:
    """A tensor in an open checkpoint: known by its shape, read when asked for."""

    storages: Storages
    key: str
    dtype: torch.dtype
    storage_size: int
    """Elements of the storage, which other tensors may share."""
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]

    def __post_init__(self) -> None:
        numbers = (self.storage_size, self.offset, *self.shape, *self.stride)
        if not all(type(number) is int and number >= 0 for number in numbers):
            raise RestrictedPickleError("a tensor whose sizes are not whole numbers")
        if max(*numbers, math.prod(max(size, 1) for size in self.shape)) >= _LARGEST_SIZE:
            raise RestrictedPickleError("a tensor of sizes that no machine can hold")
        if len(self.shape) != len(self.stride) or len(self.shape) > MAX_DIMENSIONS:
            raise RestrictedPickleError("a tensor with strides that do not fit its shape")
        steps = sum((size - 1) * step for size, step in zip(self.shape, self.stride, strict=True))
        elements = math.prod(self.shape)
        if elements and (self.offset + steps >= self.storage_size or elements > self.storage_size):
            raise RestrictedPickleError("a tensor that reaches beyond its storage")

    def read(self) -> Tensor:
        """The tensor, on the CPU whatever device it was saved from."""
        if math.prod(self.shape) == 0:
            return torch.empty(self.shape, dtype=self.dtype)
        with refusing(self.storages.path):
            content = self.storages.read(self.key, self.storage_size * self.dtype.itemsize)
        storage = torch.frombuffer(content, dtype=self.dtype)
        return storage.as_strided(self.shape, self.stride, self.offset)


class Inert:
    """What stands for an object of a library that is passed over. It takes everything and keeps nothing."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"Inert({self.name!r})"


@dataclass(frozen=True)
class Name:
    """A global that a pickle may name. It can be called by REDUCE and NEWOBJ, through `make` alone."""

    name: str
    make: Callable[..., Any] | None = None


@dataclass(frozen=True)
class StorageType:
    dtype: torch.dtype


@dataclass(frozen=True)
class Storage:
    key: str
    dtype: torch.dtype
    elements: int


@dataclass(eq=False)
class Unbuilt:
    """A value between its creation, which says little, and BUILD, which brings the rest."""

    memo_indices: list[int] = field(default_factory=list, init=False)
    """Where the machine has remembered it, and will look for the finished value."""


@dataclass(eq=False)
class UnbuiltArray(Unbuilt):
    def build(self, state: Any) -> np.ndarray:
        return _array(state)


@dataclass(eq=False)
class UnbuiltDtype(Unbuilt):
    code: str

    def build(self, state: Any) -> np.dtype:
        return _dtype(self.code, state)


def dictionary(pairs: Any = ()) -> dict[Any, Any]:
    """A plain dict, of pairs or of another dict."""
    entries = pairs.items() if isinstance(pairs, Mapping) else pairs
    return {checked_key(key): value for key, value in entries}


_KEYS = (str, bytes, int, float, np.generic, StoredTensor, Inert)


def checked_key(key: Any) -> Any:
    """Refuses keys that would have to be hashed through many levels."""
    flat = key if type(key) is tuple else (key,)
    if not all(part is None or isinstance(part, _KEYS) for part in flat):
        raise RestrictedPickleError(f"a {type(key).__name__} as the key of an entry")
    return key


def tensor(storages: Storages, storage: Any, offset: Any, shape: Any, stride: Any, *_: Any) -> StoredTensor:
    if not isinstance(storage, Storage):
        raise RestrictedPickleError("a tensor without a storage")
    return StoredTensor(
        storages, storage.key, storage.dtype, storage.elements, offset, tuple(shape), tuple(stride)
    )


def _parameter(tensor: Any, *_: Any) -> Any:
    """requires_grad and the hooks say nothing of the numbers."""
    return tensor


def _unbuilt_dtype(code: Any, *_: Any) -> UnbuiltDtype:
    if not isinstance(code, str) or np.dtype(code).kind not in "biufcSUO":
        raise RestrictedPickleError("an array of a type that is not numbers or text")
    return UnbuiltDtype(code)


def _dtype(code: str, state: Any) -> np.dtype:
    """State: version, byte order, subtype, names, fields, size, alignment, flags; the order alone counts."""
    match state:
        case (_, "<" | ">" | "|" | "=" as order, None, None, None, *_):
            return np.dtype(code).newbyteorder(order)
    raise RestrictedPickleError("an array of records")


def _array(state: Any) -> np.ndarray:
    """State: version, shape, dtype, Fortran order, and bytes or, for objects, a list."""
    match state:
        case (_, tuple(shape), np.dtype() as dtype, bool(fortran), content):
            order = "F" if fortran else "C"
        case _:
            raise RestrictedPickleError("an array without shape, type and numbers")
    sound = len(shape) <= MAX_DIMENSIONS and all(type(size) is int and size >= 0 for size in shape)
    if not sound or not isinstance(content, list if dtype.hasobject else bytes):
        raise RestrictedPickleError("an array without shape, type and numbers")
    expected = math.prod(shape) if dtype.hasobject else math.prod(shape) * dtype.itemsize
    if len(content) != expected:
        raise RestrictedPickleError("an array of another size than its shape says")
    if not dtype.hasobject:
        return np.frombuffer(content, dtype).reshape(shape, order=order).copy()
    array = np.empty(expected, object)
    for index, value in enumerate(content):
        array[index] = value
    return array.reshape(shape, order=order)


def _scalar(dtype: Any, content: Any) -> np.generic:
    if not isinstance(dtype, np.dtype) or dtype.hasobject or not isinstance(content, bytes):
        raise RestrictedPickleError("a number without type and bytes")
    return np.frombuffer(content, dtype, count=1)[0]


def _encode(text: Any, encoding: Any = "latin1") -> bytes:
    """How Python 3 writes bytes in the pickle protocols of Python 2."""
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise RestrictedPickleError("text in an unknown encoding")
    return text.encode("latin1")


_STORAGE_TYPES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}


def _names() -> dict[str, Any]:
    makers: dict[str, Callable[..., Any] | None] = {
        "collections.OrderedDict": dictionary,
        "collections.Counter": dictionary,
        "collections.defaultdict": lambda factory=None, *_: {},
        "argparse.Namespace": lambda: argparse.Namespace(),
        "_codecs.encode": _encode,
        "torch._utils._rebuild_tensor": tensor,
        "torch._utils._rebuild_tensor_v2": tensor,
        "torch._utils._rebuild_parameter": _parameter,
        "torch.Size": tuple,
        "torch.device": lambda *parts: ":".join(map(str, parts)),
        "numpy.ndarray": None,
        "numpy.dtype": _unbuilt_dtype,
    }
    for package in ("numpy.core", "numpy._core"):
        makers[f"{package}.multiarray._reconstruct"] = lambda *_: UnbuiltArray()
        makers[f"{package}.multiarray.scalar"] = _scalar
    for package in ("builtins", "__builtin__"):
        makers |= {f"{package}.{kind}": None for kind in ("dict", "list", "int", "float", "str", "bool")}
        makers[f"{package}.set"] = lambda items=(): set(map(checked_key, items))
    names: dict[str, Any] = {name: Name(name, make) for name, make in makers.items()}
    names |= {f"torch.{name}": StorageType(dtype) for name, dtype in _STORAGE_TYPES.items()}
    names |= {str(dtype): dtype for dtype in _STORAGE_TYPES.values()}
    return names


NAMES: Mapping[str, Any] = _names()
