"""Unpacks archives that come from elsewhere: files only, below one folder, up to a limit."""

from __future__ import annotations

import errno
import fnmatch
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO

from kinematics.errors import A2PError

MAX_BYTES = 64 << 30
MAX_FILES = 100_000
_CHUNK = 1 << 20


class UnpackError(A2PError):
    """An archive is damaged, or holds what it must not, or not what it must."""


class NoRoomError(A2PError):
    """A disk is full."""


def unpack(archive: Path, folder: Path, members: Collection[str] = (), limit: int = MAX_BYTES) -> list[Path]:
    """Unpacks a .tar, .tar.gz or .zip into `folder`, which is new or empty, and returns the files.

    Args:
        members: patterns (such as "*.pt") of the names, without folders, of the files to unpack; all where
            there are none.
        limit: bytes that the files may have together.

    Raises:
        UnpackError: the archive is damaged; a member lies outside, is a link or a device, or is there twice;
            or there is more than the limit, or nothing that is wanted.
        NoRoomError: the disk is full.
    """
    try:
        reader = _from_zip if _begins_with(archive, b"PK") else _from_tar
        unpacked: list[Path] = []
        for count, (name, content) in enumerate(reader(archive, members)):
            if count >= MAX_FILES:
                raise UnpackError(f"it holds more than {MAX_FILES} files")
            target = folder.joinpath(*_inside(name).parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as file:
                limit -= _copy(content, file, limit)
            unpacked.append(target)
        if not unpacked:
            raise UnpackError(f"it holds no {' or '.join(members) or 'file'}")
    except UnpackError as error:
        raise UnpackError(f"{archive.name} was not unpacked: {error}.") from error
    except FileExistsError as error:
        raise UnpackError(f"{archive.name} was not unpacked: it holds {error.filename} twice.") from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoRoomError(f"{archive.name} cannot be unpacked: the disk of {folder} is full.") from error
        raise UnpackError(f"{archive.name} cannot be unpacked: {error}.") from error
    except (EOFError, tarfile.TarError, zipfile.BadZipFile, zlib.error, RuntimeError) as error:
        raise UnpackError(f"{archive.name} is damaged or no archive ({error}).") from error
    return unpacked


def _begins_with(path: Path, signature: bytes) -> bool:
    """zipfile.is_zipfile looks at the end, where a tar of checkpoints has a zip as well."""
    with path.open("rb") as file:
        return file.read(len(signature)) == signature


def _from_zip(path: Path, members: Collection[str]) -> Iterator[tuple[str, IO[bytes]]]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            if info.is_dir() or not _wanted(info.filename, members):
                continue
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise UnpackError(f"its {info.filename} is compressed in an unusual way")
            if stat.S_ISLNK(info.external_attr >> 16):
                raise UnpackError(f"its {info.filename} is a link")
            with archive.open(info) as content:
                yield info.filename, content


def _from_tar(path: Path, members: Collection[str]) -> Iterator[tuple[str, IO[bytes]]]:
    with tarfile.open(path, "r:gz" if _begins_with(path, b"\x1f\x8b") else "r:") as archive:
        for info in archive:
            if info.offset_data + info.size > MAX_BYTES:  # what is skipped must be unpacked, too
                raise UnpackError("its files are larger than any released actor's")
            if info.isdir() or not _wanted(info.name, members):
                continue
            content = archive.extractfile(info) if info.isreg() and not info.issparse() else None
            if content is None:
                raise UnpackError(f"its {info.name} is a link or a device, or full of holes")
            with content:
                yield info.name, content
        # tarfile takes the end of the file for the end of the archive, which is a block of zeros.
        archive.fileobj.seek(archive.offset)
        if archive.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
            raise EOFError("it is cut short")


def _wanted(name: str, members: Collection[str]) -> bool:
    file = PurePosixPath(name).name
    return not members or any(fnmatch.fnmatchcase(file, pattern) for pattern in members)


def _inside(name: str) -> PurePosixPath:
    """The member's path, which must lead nowhere but down, on any system."""
    path, windows = PurePosixPath(name), PureWindowsPath(name)
    outside = path.is_absolute() or windows.drive or windows.root or ".." in windows.parts
    if outside or "\\" in name or "\0" in name or not path.parts:
        raise UnpackError(f"its {name!r} would lie outside the folder")
    return path


def _copy(content: IO[bytes], file: IO[bytes], limit: int) -> int:
    """Copies at most `limit` bytes and returns how many there were."""
    copied = 0
    while chunk := content.read(_CHUNK):
        copied += len(chunk)
        if copied > limit:
            raise UnpackError("its files are larger than any released actor's")
        file.write(chunk)
    return copied
