"""Reads pickles as data: checkpoints of torch, object arrays of numpy. Nothing in them is imported or called.

A pickle is a program. Python's unpickler runs it, and even with a list of permitted names it lets the program
set attributes on whatever these names stand for. Here the program runs on a small machine that knows plain
containers and numbers, and stands in for the few names that released files use: tensors, numpy arrays,
argparse.Namespace. Every other name is refused, or, where a caller says so, becomes an `Inert` object.

Sizes are bounded by the file: what it declares must be in it, and a compressed record is refused.

File formats: `pickletools` (opcodes); torch.save before 1.6 (`legacy`: pickles, then raw storages) and after
(an uncompressed zip: NAME/data.pkl, NAME/data/KEY); numpy's .npy with an object array.
"""

from __future__ import annotations

import argparse
import math
import mmap
import pickletools
import struct
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np
import torch
from torch import Tensor

from kinematics.array_files import read_npy
from kinematics.errors import A2PError

MAX_OPCODES = 20_000_000
"""A checkpoint has some ten thousand, an actor's static assets (meshes as lists) about a million."""
MAX_VALUES = 1 << 28
"""With everything that is named repeatedly written out each time."""
MAX_NESTING = 100
MAX_PICKLE_BYTES = 1 << 30
MAX_ARRAY_BYTES = 1 << 32
MAX_DIMENSIONS = 32

_LARGEST_SIZE = 1 << 48
_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL = 1001


class RestrictedPickleError(A2PError):
    """A file is damaged, or asks for what no released file needs."""


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
        with _refusing(self.storages.path):
            content = self.storages.read(self.key, self.storage_size * self.dtype.itemsize)
        storage = torch.frombuffer(content, dtype=self.dtype)
        return storage.as_strided(self.shape, self.stride, self.offset)


class Inert:
    """What stands for an object of a library that is passed over. It takes everything and keeps nothing."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"Inert({self.name!r})"


@contextmanager
def open_checkpoint(path: Path, inert: Collection[str] = ()) -> Iterator[Any]:
    """The content of a .pt, .pth or .ckpt file, whose StoredTensors can be read within the block.

    Args:
        inert: packages, such as "torch.optim", whose objects become Inert.

    Raises:
        RestrictedPickleError: the file cannot be read, is damaged, or asks for more than data.
    """
    with ExitStack() as opened:
        with _refusing(path):
            if _begins_as_zip(path):
                content = _read_zip(path, opened.enter_context(zipfile.ZipFile(path)), inert)
            else:
                file = opened.enter_context(path.open("rb"))
                bytes_ = opened.enter_context(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
                content = _read_legacy(path, bytes_, inert)
        yield content


def read_object_array(path: Path) -> np.ndarray:
    """The array of an .npy file, object arrays included, whose entries may be plain containers and arrays.

    Raises:
        RestrictedPickleError: as for `open_checkpoint`.
    """
    with _refusing(path), path.open("rb") as file:
        version = np.lib.format.read_magic(file)
        read_header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }.get(version)
        if read_header is None:
            raise RestrictedPickleError("an .npy file of an unknown version")
        _, _, dtype = read_header(file)
        if not dtype.hasobject:
            return read_npy(path, MAX_ARRAY_BYTES)
        start = file.tell()
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            content.seek(start)
            values = _Machine().run(content)
        if not isinstance(values, np.ndarray):
            raise RestrictedPickleError("an .npy file without an array")
        return values


@contextmanager
def _refusing(path: Path) -> Iterator[None]:
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


# Checkpoints


def _begins_as_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"PK\x03\x04"


@dataclass(frozen=True)
class _ZipStorages:
    path: Path
    archive: zipfile.ZipFile
    folder: str

    def read(self, key: str, byte_count: int) -> bytearray:
        return bytearray(_read_record(self.archive, f"{self.folder}/data/{key}", byte_count))


@dataclass(frozen=True)
class _LegacyStorages:
    path: Path
    content: mmap.mmap
    places: dict[str, tuple[int, int]]
    """Where each storage begins, and how many bytes it has; filled once the pickle before them is read."""

    def read(self, key: str, byte_count: int) -> bytearray:
        start, available = self.places.get(key, (0, -1))
        if byte_count > available:
            raise RestrictedPickleError("a tensor whose numbers are not in the file")
        return bytearray(self.content[start : start + byte_count])


def _read_zip(path: Path, archive: zipfile.ZipFile, inert: Collection[str]) -> Any:
    folders = [name.removesuffix("/data.pkl") for name in archive.namelist() if name.endswith("/data.pkl")]
    if len(folders) != 1:
        raise RestrictedPickleError("a zip archive that is no checkpoint")
    (folder,) = folders
    order = f"{folder}/byteorder"
    if order in archive.namelist() and _read_record(archive, order) != b"little":
        raise RestrictedPickleError("numbers in another machine's byte order")
    machine = _Machine(inert, _ZipStorages(path, archive, folder))
    return machine.run(_Bytes(_read_record(archive, f"{folder}/data.pkl")))


def _read_record(archive: zipfile.ZipFile, name: str, byte_count: int | None = None) -> bytes:
    try:
        record = archive.getinfo(name)
    except KeyError as error:
        raise RestrictedPickleError("a tensor whose numbers are not in the file") from error
    if record.compress_type != zipfile.ZIP_STORED:
        raise RestrictedPickleError("a compressed record, which torch does not write")
    if record.file_size != record.compress_size or (byte_count or 0) > record.file_size:
        raise RestrictedPickleError("a record of another size than is declared")
    if byte_count is None and record.file_size > MAX_PICKLE_BYTES:
        raise RestrictedPickleError("a description longer than any checkpoint's")
    return archive.read(record)


def _read_legacy(path: Path, content: mmap.mmap, inert: Collection[str]) -> Any:
    if _Machine().run(content) != _LEGACY_MAGIC or _Machine().run(content) != _LEGACY_PROTOCOL:
        raise RestrictedPickleError("a pickle that is no checkpoint")
    _Machine().run(content)  # word sizes of the machine that wrote it
    storages = _LegacyStorages(path, content, {})
    machine = _Machine(inert, storages)
    result = machine.run(content)
    keys = _Machine().run(content)
    if not isinstance(keys, list):
        raise RestrictedPickleError("a checkpoint without a list of its storages")
    position = content.tell()
    for key in keys:
        dtype = machine.storage_dtypes.get(key) if isinstance(key, str) else None
        if dtype is None:
            raise RestrictedPickleError("a storage of an unknown type")
        (elements,) = struct.unpack_from("<q", content, position)
        start, byte_count = position + 8, elements * dtype.itemsize
        if elements < 0 or start + byte_count > len(content):
            raise RestrictedPickleError("a storage that is cut short")
        storages.places[key] = start, byte_count
        position = start + byte_count
    return result


# The machine


class _Mark:
    """Where a group of values begins on the machine's stack."""


_MARK = _Mark()


@dataclass(frozen=True)
class _Name:
    """A global that a pickle may name. It can be called by REDUCE and NEWOBJ, through `make` alone."""

    name: str
    make: Callable[..., Any] | None = None


@dataclass(frozen=True)
class _StorageType:
    dtype: torch.dtype


@dataclass(frozen=True)
class _Storage:
    key: str
    dtype: torch.dtype
    elements: int


@dataclass(eq=False)
class _Unbuilt:
    """A value between its creation, which says little, and BUILD, which brings the rest."""

    memo_indices: list[int] = field(default_factory=list, init=False)
    """Where the machine has remembered it, and will look for the finished value."""


@dataclass(eq=False)
class _UnbuiltArray(_Unbuilt):
    def build(self, state: Any) -> np.ndarray:
        return _array(state)


@dataclass(eq=False)
class _UnbuiltDtype(_Unbuilt):
    code: str

    def build(self, state: Any) -> np.dtype:
        return _dtype(self.code, state)


class _Bytes:
    """Bytes with a position, read without a copy of the whole."""

    def __init__(self, content: bytes) -> None:
        self._content, self._position = content, 0

    def read(self, count: int) -> bytes:
        piece = self._content[self._position : self._position + count]
        self._position += len(piece)
        return piece

    def readline(self) -> bytes:
        end = self._content.find(b"\n", self._position)
        return self.read((len(self._content) if end < 0 else end + 1) - self._position)

    def tell(self) -> int:
        return self._position


class _Machine:
    """Runs one pickle. Its values are plain data, StoredTensors, numpy arrays, Namespaces and Inerts."""

    def __init__(self, inert: Collection[str] = (), storages: Storages | None = None) -> None:
        self.storage_dtypes: dict[str, torch.dtype] = {}
        self._inert = tuple(package + "." for package in inert)
        self._storages = storages
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def run(self, stream: IO[bytes] | mmap.mmap | _Bytes) -> Any:
        """The value of the pickle at the stream's position; the stream is left after it."""
        try:
            for count, (opcode, argument, _) in enumerate(pickletools.genops(stream)):
                if count >= MAX_OPCODES:
                    raise RestrictedPickleError("a description of more steps than any released file's")
                if opcode.name == "STOP":
                    return _written_out(self._stack.pop())
                self._step(opcode.name, argument)
        except (IndexError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise RestrictedPickleError(f"a malformed pickle ({error})") from error
        raise RestrictedPickleError("a pickle without an end")

    def _step(self, opcode: str, argument: Any) -> None:
        stack = self._stack
        if opcode in _LITERALS:
            stack.append(argument)
            return
        match opcode:
            case "PROTO" | "FRAME":
                pass
            case "NONE":
                stack.append(None)
            case "NEWTRUE" | "NEWFALSE":
                stack.append(opcode == "NEWTRUE")
            case "MARK":
                stack.append(_MARK)
            case "POP":
                stack.pop()
            case "POP_MARK":
                self._group()
            case "DUP":
                stack.append(stack[-1])
            case "EMPTY_LIST" | "EMPTY_DICT" | "EMPTY_SET" | "EMPTY_TUPLE":
                stack.append({"L": list, "D": dict, "S": set, "T": tuple}[opcode[6]]())
            case "LIST":
                stack.append(self._group())
            case "TUPLE":
                stack.append(tuple(self._group()))
            case "DICT":
                stack.append(_dictionary(_pairs(self._group())))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                stack.append(tuple(self._pop(int(opcode[-1]))))
            case "APPEND":
                self._extend(self._pop(1))
            case "APPENDS":
                self._extend(self._group())
            case "ADDITEMS":
                items = self._group()
                stack[-1].update(map(_checked_key, items))
            case "SETITEM":
                self._set_items(self._pop(2))
            case "SETITEMS":
                self._set_items(self._group())
            case "MEMOIZE":
                self._remember(len(self._memo))
            case "PUT" | "BINPUT" | "LONG_BINPUT":
                self._remember(int(argument))
            case "GET" | "BINGET" | "LONG_BINGET":
                stack.append(self._memo[int(argument)])
            case "GLOBAL":
                stack.append(self._find(*argument.split(" ", 1)))
            case "STACK_GLOBAL":
                stack.append(self._find(*self._pop(2)))
            case "REDUCE" | "NEWOBJ":
                name, arguments = self._pop(2)
                stack.append(self._make(name, arguments))
            case "BUILD":
                (state,) = self._pop(1)
                self._build(state)
            case "BINPERSID":
                stack.append(self._storage(stack.pop()))
            case _:
                raise RestrictedPickleError(f"the instruction {opcode}, which no released file needs")

    def _pop(self, count: int) -> list[Any]:
        values = self._stack[-count:]
        if len(values) < count or any(value is _MARK for value in values):
            raise RestrictedPickleError("a malformed pickle (its stack runs out)")
        del self._stack[-count:]
        return values

    def _remember(self, index: int) -> None:
        top = self._memo[index] = self._stack[-1]
        if isinstance(top, _Unbuilt):
            top.memo_indices.append(index)

    def _group(self) -> list[Any]:
        """The values down to the last mark, which goes with them."""
        stack = self._stack
        start = len(stack) - 1
        while stack[start] is not _MARK:
            start -= 1
            if start < 0:
                raise RestrictedPickleError("a malformed pickle (a group without a beginning)")
        values = stack[start + 1 :]
        del stack[start:]
        return values

    def _extend(self, values: list[Any]) -> None:
        top = self._stack[-1]
        if type(top) is list:
            top.extend(values)
        elif not isinstance(top, Inert):
            raise RestrictedPickleError(f"items for a {type(top).__name__}")

    def _set_items(self, values: list[Any]) -> None:
        top = self._stack[-1]
        if type(top) is dict:
            top.update(_dictionary(_pairs(values)))
        elif not isinstance(top, Inert):
            raise RestrictedPickleError(f"entries for a {type(top).__name__}")

    def _find(self, module: str, name: str) -> Any:
        full_name = f"{module}.{name}"
        if full_name in _NAMES:
            return _NAMES[full_name]
        if full_name.startswith(self._inert):
            return _Name(full_name, lambda *arguments: Inert(full_name))
        raise RestrictedPickleError(f"it asks for {full_name[:100]}, which is not data")

    def _make(self, name: Any, arguments: Any) -> Any:
        if isinstance(name, Inert):
            return name
        if not isinstance(name, _Name) or name.make is None or type(arguments) is not tuple:
            raise RestrictedPickleError("it calls what is not a type of data")
        if name.make is _tensor:
            return _tensor(self._storages, *arguments)
        return name.make(*arguments)

    def _build(self, state: Any) -> None:
        top = self._stack[-1]
        if isinstance(top, _UnbuiltArray | _UnbuiltDtype):
            built = self._stack[-1] = top.build(state)
            self._memo |= dict.fromkeys(top.memo_indices, built)
        elif isinstance(top, argparse.Namespace):
            vars(top).update({str(key): value for key, value in state.items()})
        elif not isinstance(top, dict | Inert):  # a state dict's own attributes, which hold versions
            raise RestrictedPickleError(f"a state for a {type(top).__name__}")

    def _storage(self, identity: Any) -> _Storage:
        match identity:
            case ("storage", _StorageType(dtype), str(key), _, int(elements), *view) if view in ([], [None]):
                self.storage_dtypes[key] = dtype
                return _Storage(key, dtype, elements)
        raise RestrictedPickleError("a reference to something outside the pickle")


def _pairs(values: list[Any]) -> list[tuple[Any, Any]]:
    if len(values) % 2:
        raise RestrictedPickleError("a malformed pickle (a key without a value)")
    return list(zip(values[::2], values[1::2], strict=True))


def _dictionary(pairs: Any = ()) -> dict[Any, Any]:
    """A plain dict, of pairs or of another dict."""
    entries = pairs.items() if isinstance(pairs, Mapping) else pairs
    return {_checked_key(key): value for key, value in entries}


_KEYS = (str, bytes, int, float, np.generic, StoredTensor, Inert)


def _checked_key(key: Any) -> Any:
    """Refuses keys that would have to be hashed through many levels."""
    flat = key if type(key) is tuple else (key,)
    if not all(part is None or isinstance(part, _KEYS) for part in flat):
        raise RestrictedPickleError(f"a {type(key).__name__} as the key of an entry")
    return key


def _written_out(value: Any) -> Any:
    """The value, unless it holds itself, or a few parts named again and again that would fill the memory."""
    sizes: dict[int, int] = {}
    ancestors: set[int] = set()
    waiting = [value]
    while waiting:
        container = waiting[-1]
        parts = [part for part in _parts(container) if isinstance(part, _CONTAINERS)]
        if id(container) in sizes:
            waiting.pop()
        elif id(container) in ancestors:
            waiting.pop()
            ancestors.remove(id(container))
            size = sizes[id(container)] = _own_size(container) + sum(sizes[id(part)] for part in parts)
            if size > MAX_VALUES:
                raise RestrictedPickleError("more values than any released file's")
        else:
            ancestors.add(id(container))
            if len(ancestors) > MAX_NESTING or any(id(part) in ancestors for part in parts):
                raise RestrictedPickleError("values that are nested without end")
            waiting += parts
    return value


_CONTAINERS = (list, tuple, set, dict, argparse.Namespace, np.ndarray)


def _parts(value: Any) -> Collection[Any]:
    if isinstance(value, np.ndarray):
        return value.ravel().tolist() if value.dtype.hasobject else ()
    if isinstance(value, argparse.Namespace):
        return vars(value).values()
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, _CONTAINERS) else ()


def _own_size(value: Any) -> int:
    return 1 + (value.size if isinstance(value, np.ndarray) else len(_parts(value)))


# What the names stand for


def _tensor(storages: Storages, storage: Any, offset: Any, shape: Any, stride: Any, *_: Any) -> StoredTensor:
    if not isinstance(storage, _Storage):
        raise RestrictedPickleError("a tensor without a storage")
    return StoredTensor(
        storages, storage.key, storage.dtype, storage.elements, offset, tuple(shape), tuple(stride)
    )


def _parameter(tensor: Any, *_: Any) -> Any:
    """requires_grad and the hooks say nothing of the numbers."""
    return tensor


def _unbuilt_dtype(code: Any, *_: Any) -> _UnbuiltDtype:
    if not isinstance(code, str) or np.dtype(code).kind not in "biufcSUO":
        raise RestrictedPickleError("an array of a type that is not numbers or text")
    return _UnbuiltDtype(code)


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


_LITERALS = frozenset(
    [
        *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
        *("STRING", "BINSTRING", "SHORT_BINSTRING"),
        *("UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"),
        *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
    ]
)

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
        "collections.OrderedDict": _dictionary,
        "collections.Counter": _dictionary,
        "collections.defaultdict": lambda factory=None, *_: {},
        "argparse.Namespace": lambda: argparse.Namespace(),
        "_codecs.encode": _encode,
        "torch._utils._rebuild_tensor": _tensor,
        "torch._utils._rebuild_tensor_v2": _tensor,
        "torch._utils._rebuild_parameter": _parameter,
        "torch.Size": tuple,
        "torch.device": lambda *parts: ":".join(map(str, parts)),
        "numpy.ndarray": None,
        "numpy.dtype": _unbuilt_dtype,
    }
    for package in ("numpy.core", "numpy._core"):
        makers[f"{package}.multiarray._reconstruct"] = lambda *_: _UnbuiltArray()
        makers[f"{package}.multiarray.scalar"] = _scalar
    for package in ("builtins", "__builtin__"):
        makers |= {f"{package}.{kind}": None for kind in ("dict", "list", "int", "float", "str", "bool")}
        makers[f"{package}.set"] = lambda items=(): set(map(_checked_key, items))
    names: dict[str, Any] = {name: _Name(name, make) for name, make in makers.items()}
    names |= {f"torch.{name}": _StorageType(dtype) for name, dtype in _STORAGE_TYPES.items()}
    names |= {str(dtype): dtype for dtype in _STORAGE_TYPES.values()}
    return names


_NAMES: Mapping[str, Any] = _names()
