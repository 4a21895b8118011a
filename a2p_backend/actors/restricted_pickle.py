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

import mmap
import struct
import zipfile
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from a2p_backend.actors.pickle_machine import Bytes, Machine
from a2p_backend.actors.pickle_values import Inert, RestrictedPickleError, StoredTensor, refusing
from kinematics.array_files import read_npy

__all__ = ["Inert", "RestrictedPickleError", "StoredTensor", "open_checkpoint", "read_object_array"]

MAX_PICKLE_BYTES = 1 << 30
MAX_ARRAY_BYTES = 1 << 32

_LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
_LEGACY_PROTOCOL = 1001


@contextmanager
def open_checkpoint(path: Path, inert: Collection[str] = ()) -> Iterator[Any]:
    """The content of a .pt, .pth or .ckpt file, whose StoredTensors can be read within the block.

    Args:
        inert: packages, such as "torch.optim", whose objects become Inert.

    Raises:
        RestrictedPickleError: the file cannot be read, is damaged, or asks for more than data.
    """
    with ExitStack() as opened:
        with refusing(path):
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
    with refusing(path), path.open("rb") as file:
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
            values = Machine().run(content)
        if not isinstance(values, np.ndarray):
            raise RestrictedPickleError("an .npy file without an array")
        return values


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
    machine = Machine(inert, _ZipStorages(path, archive, folder))
    return machine.run(Bytes(_read_record(archive, f"{folder}/data.pkl")))


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
    if Machine().run(content) != _LEGACY_MAGIC or Machine().run(content) != _LEGACY_PROTOCOL:
        raise RestrictedPickleError("a pickle that is no checkpoint")
    Machine().run(content)  # word sizes of the machine that wrote it
    storages = _LegacyStorages(path, content, {})
    machine = Machine(inert, storages)
    result = machine.run(content)
    keys = Machine().run(content)
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
