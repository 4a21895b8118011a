"""Archives from elsewhere, honest and not."""

from __future__ import annotations

import io
import random
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from a2p_backend.actors.unpacking import UnpackError, unpack


def tar(path: Path, *members: tarfile.TarInfo | tuple[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
            else:
                name, content = member
                info = tarfile.TarInfo(name)
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return path


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def zipped(path: Path, *members: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize("name", ["files.tar", "files.tar.gz", "files.zip"])
def test_wanted_files_are_unpacked(name: str, tmp_path: Path) -> None:
    members = (("a/one.pt", b"1"), ("a/b/two.pt", b"22"), ("a/scene01.wav", b"sound"), ("./three.pth", b"3"))
    archive = (
        zipped(tmp_path / name, *members)
        if name.endswith("zip")
        else tar(tmp_path / name, *members, mode="w:gz" if name.endswith("gz") else "w")
    )
    files = unpack(archive, tmp_path / "out", ("*.pt", "*.pth"))
    found = {path.relative_to(tmp_path / "out").as_posix(): path.read_bytes() for path in files}
    assert found == {"a/one.pt": b"1", "a/b/two.pt": b"22", "three.pth": b"3"}


def _link_in_zip(path: Path) -> Path:
    info = zipfile.ZipInfo("x.pt")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return zipped(path, (info, b"/etc/passwd"))


def _sparse(path: Path) -> Path:
    """A gigabyte of nothing, as GNU tar writes it: no piece of data, at the file's whole size."""
    info = tarfile.TarInfo("x.pt")
    info.type, info.size = tarfile.GNUTYPE_SPARSE, 0
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    header[483:495] = b"%011o\0" % (1 << 30)
    header[148:156] = b"        "
    header[148:156] = b"%06o\0 " % sum(header)
    path.write_bytes(header + bytes(1024))
    return path


def _compressed(path: Path, method: int) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("x.pt", b"1")
    return path


def _announcing(path: Path, size: int) -> Path:
    """A tar whose first file, which nobody wants, is said to have so many bytes."""
    info = tarfile.TarInfo("x.wav")
    info.size = size
    path.write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    return path


HOSTILE: dict[str, tuple[Callable[[Path], Path], str]] = {
    "parent": (lambda path: tar(path, ("../x.pt", b"")), "outside the folder"),
    "parent within": (lambda path: tar(path, ("a/../../x.pt", b"")), "outside the folder"),
    "absolute": (lambda path: tar(path, ("/x.pt", b"")), "outside the folder"),
    "drive": (lambda path: tar(path, ("C:/x.pt", b"")), "outside the folder"),
    "backslash": (lambda path: tar(path, ("..\\x.pt", b"")), "outside the folder"),
    "symbolic link": (lambda path: tar(path, link("x.pt", "/etc/passwd")), "link or a device"),
    "linked folder": (lambda path: tar(path, link("a", ".."), ("a/x.pt", b"")), "link or a device"),
    "hard link": (lambda path: tar(path, link("x.pt", "../y", tarfile.LNKTYPE)), "link or a device"),
    "fifo": (lambda path: tar(path, link("x.pt", "", tarfile.FIFOTYPE)), "link or a device"),
    "zip parent": (lambda path: zipped(path, ("../x.pt", b"")), "outside the folder"),
    "zip link": (_link_in_zip, "is a link"),
    "twice": (lambda path: tar(path, ("x.pt", b"1"), ("x.pt", b"2")), "twice"),
    "bomb": (lambda path: zipped(path, ("x.pt", bytes(3_000_000))), "larger than any"),
    "holes": (_sparse, "full of holes"),
    "packed with LZMA": (lambda path: _compressed(path, zipfile.ZIP_LZMA), "in an unusual way"),
    "tar of xz": (lambda path: tar(path, ("x.pt", b""), mode="w:xz"), "no archive"),
    "endless": (lambda path: _announcing(path, 1 << 40), "larger than any"),
    "empty": (lambda path: tar(path), "holds no file"),
}


@pytest.mark.parametrize("attack", HOSTILE)
def test_hostile_archives_are_refused(attack: str, tmp_path: Path) -> None:
    write, reason = HOSTILE[attack]
    out = tmp_path / "safe" / "out"
    with pytest.raises(UnpackError, match=reason):
        unpack(write(tmp_path / "archive"), out, limit=2_000_000)
    outside = {path.name for path in tmp_path.rglob("*")} - {"archive", "safe", "out", "x.pt", "a"}
    assert not outside
    assert not (tmp_path / "x.pt").exists()
    assert not (tmp_path / "safe" / "x.pt").exists()


@pytest.mark.parametrize("cut", [700, 1024])
@pytest.mark.parametrize("name", ["cut.tar", "cut.tar.gz", "cut.zip"])
def test_archives_that_were_cut_short_are_noticed(name: str, cut: int, tmp_path: Path) -> None:
    members = [(f"{number}.pt", random.Random(number).randbytes(512)) for number in range(4)]
    archive = tmp_path / name
    if name.endswith("zip"):
        zipped(archive, *members)
    else:
        tar(archive, *members, mode="w:gz" if name.endswith("gz") else "w")
    size = 4 * 1024 if name == "cut.tar" else archive.stat().st_size
    archive.write_bytes(archive.read_bytes()[: size - cut])
    with pytest.raises(UnpackError, match="damaged or no archive"):
        unpack(archive, tmp_path / "out")


def test_a_page_is_no_archive(tmp_path: Path) -> None:
    (tmp_path / "page.tar").write_bytes(b"<html>Not here</html>" * 100)
    with pytest.raises(UnpackError, match="no archive"):
        unpack(tmp_path / "page.tar", tmp_path / "out")
