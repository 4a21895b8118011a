"""A machine that runs a pickle's program on plain data, with no more memory than the file accounts for.

The opcodes are those of Python's `pickletools`.
"""

from __future__ import annotations

import argparse
import mmap
import pickletools
from collections.abc import Collection
from typing import IO, Any

import numpy as np
import torch

from a2p_backend.actors.pickle_values import (
    NAMES,
    Inert,
    Name,
    RestrictedPickleError,
    Storage,
    Storages,
    StorageType,
    Unbuilt,
    UnbuiltArray,
    UnbuiltDtype,
    checked_key,
    dictionary,
    tensor,
)

MAX_OPCODES = 20_000_000
"""A checkpoint has some ten thousand, an actor's static assets (meshes as lists) about a million."""
MAX_VALUES = 1 << 28
"""With everything that is named repeatedly written out each time."""
MAX_NESTING = 100


class _Mark:
    """Where a group of values begins on the machine's stack."""


_MARK = _Mark()


class Bytes:
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


class Machine:
    """Runs one pickle. Its values are plain data, StoredTensors, numpy arrays, Namespaces and Inerts."""

    def __init__(self, inert: Collection[str] = (), storages: Storages | None = None) -> None:
        self.storage_dtypes: dict[str, torch.dtype] = {}
        self._inert = tuple(package + "." for package in inert)
        self._storages = storages
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    def run(self, stream: IO[bytes] | mmap.mmap | Bytes) -> Any:
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
                stack.append(dictionary(_pairs(self._group())))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                stack.append(tuple(self._pop(int(opcode[-1]))))
            case "APPEND":
                self._extend(self._pop(1))
            case "APPENDS":
                self._extend(self._group())
            case "ADDITEMS":
                items = self._group()
                stack[-1].update(map(checked_key, items))
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
        if isinstance(top, Unbuilt):
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
            top.update(dictionary(_pairs(values)))
        elif not isinstance(top, Inert):
            raise RestrictedPickleError(f"entries for a {type(top).__name__}")

    def _find(self, module: str, name: str) -> Any:
        full_name = f"{module}.{name}"
        if full_name in NAMES:
            return NAMES[full_name]
        if full_name.startswith(self._inert):
            return Name(full_name, lambda *arguments: Inert(full_name))
        raise RestrictedPickleError(f"it asks for {full_name[:100]}, which is not data")

    def _make(self, name: Any, arguments: Any) -> Any:
        if isinstance(name, Inert):
            return name
        if not isinstance(name, Name) or name.make is None or type(arguments) is not tuple:
            raise RestrictedPickleError("it calls what is not a type of data")
        if name.make is tensor:
            return tensor(self._storages, *arguments)
        return name.make(*arguments)

    def _build(self, state: Any) -> None:
        top = self._stack[-1]
        if isinstance(top, UnbuiltArray | UnbuiltDtype):
            built = self._stack[-1] = top.build(state)
            self._memo |= dict.fromkeys(top.memo_indices, built)
        elif isinstance(top, argparse.Namespace):
            vars(top).update({str(key): value for key, value in state.items()})
        elif not isinstance(top, dict | Inert):  # a state dict's own attributes, which hold versions
            raise RestrictedPickleError(f"a state for a {type(top).__name__}")

    def _storage(self, identity: Any) -> Storage:
        match identity:
            case ("storage", StorageType(dtype), str(key), _, int(elements), *view) if view in ([], [None]):
                self.storage_dtypes[key] = dtype
                return Storage(key, dtype, elements)
        raise RestrictedPickleError("a reference to something outside the pickle")


def _pairs(values: list[Any]) -> list[tuple[Any, Any]]:
    if len(values) % 2:
        raise RestrictedPickleError("a malformed pickle (a key without a value)")
    return list(zip(values[::2], values[1::2], strict=True))


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


_LITERALS = frozenset(
    [
        *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
        *("STRING", "BINSTRING", "SHORT_BINSTRING"),
        *("UNICODE", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"),
        *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
    ]
)
