"""Files of arrays that somebody else made: what they announce must be in them."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from kinematics.array_files import ArrayFileError, read_npy, read_npz

LIMIT = 1 << 16


def announcing(header: str, content: bytes = b"") -> bytes:
    """An .npy file whose header says what it likes."""
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header) + 1) + header.encode() + b"\n" + content


def shaped(shape: str, content: bytes = b"") -> bytes:
    return announcing(f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}", content)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(12.0).reshape(3, 4),
        np.asfortranarray(np.ones((2, 3), ">i2")),
        np.array(["hip"]),
        np.array(5),
        np.zeros((0, 104)),
    ],
    ids=["plain", "Fortran order", "text", "scalar", "empty"],
)
def test_arrays_come_back_as_they_were(array: np.ndarray, tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", array)
    np.savez_compressed(tmp_path / "some.npz", one=array, other=array)
    for read in (read_npy(tmp_path / "one.npy", LIMIT), read_npz(tmp_path / "some.npz", LIMIT)["other"]):
        np.testing.assert_array_equal(read, array)
        assert read.dtype == array.dtype
    assert list(read_npz(tmp_path / "some.npz", LIMIT, ["one"])) == ["one"]


HOSTILE = {
    "more than is there": (shaped("(1000000000, 104)"), "cut short"),
    "overflowing": (shaped(f"({2**70}, 0)"), "no array has"),
    "negative": (shaped("(-2, -52)", bytes(416)), "no array has"),
    "truth values": (shaped("(True, 104)", bytes(416)), "no array has"),
    "words": (shaped("('a',)"), "not in numpy's format"),
    "a program": (announcing("__import__('os').system('true')"), "not in numpy's format"),
    "unhashable": (announcing("{[]: 1}"), "not in numpy's format"),
    "objects": (announcing("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", b"N."), "holds object"),
    "records": (
        announcing("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", bytes(4)),
        "not numbers or text",
    ),
    "another file": (b"RIFF", "not in numpy's format"),
    "nothing": (b"", "not in numpy's format"),
}


@pytest.mark.parametrize("attack", HOSTILE)
def test_what_a_file_announces_is_not_believed(attack: str, tmp_path: Path) -> None:
    content, reason = HOSTILE[attack]
    (tmp_path / "bad.npy").write_bytes(content)
    with zipfile.ZipFile(tmp_path / "bad.npz", "w") as archive:
        archive.writestr("array.npy", content)
    with pytest.raises(ArrayFileError, match=f"its array .*{reason}|its array is {reason}"):
        read_npy(tmp_path / "bad.npy", LIMIT)
    with pytest.raises(ArrayFileError, match=f"its array .*{reason}|its array is {reason}"):
        read_npz(tmp_path / "bad.npz", LIMIT)


def test_a_bomb_is_left_packed(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "bomb.npz", zeros=np.zeros(10 * LIMIT, np.uint8))
    np.save(tmp_path / "bomb.npy", np.zeros(10 * LIMIT, np.uint8))
    with pytest.raises(ArrayFileError, match="zeros is larger"):
        read_npz(tmp_path / "bomb.npz", LIMIT)
    with pytest.raises(ArrayFileError, match="larger"):
        read_npy(tmp_path / "bomb.npy", LIMIT)


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_unusual_compression_is_refused(method: int, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "odd.npz", "w", method) as archive:
        archive.writestr("a.npy", shaped("(1,)", bytes(4)))
    with pytest.raises(ArrayFileError, match="its a is compressed in a way"):
        read_npz(tmp_path / "odd.npz", LIMIT)


def test_damaged_and_incomplete_archives_are_told_apart(tmp_path: Path) -> None:
    packed = io.BytesIO()
    np.savez_compressed(packed, pose=np.random.default_rng(0).random(500))
    content = packed.getvalue()
    (tmp_path / "cut.npz").write_bytes(content[:-100])
    (tmp_path / "flipped.npz").write_bytes(content[:300] + bytes(100) + content[400:])
    (tmp_path / "whole.npz").write_bytes(content)
    for name in ("cut", "flipped"):
        with pytest.raises(ArrayFileError, match="damaged"):
            read_npz(tmp_path / f"{name}.npz", LIMIT)
    with pytest.raises(ArrayFileError, match="it has no face"):
        read_npz(tmp_path / "whole.npz", LIMIT, ["pose", "face"])
    with pytest.raises(FileNotFoundError):
        read_npz(tmp_path / "none.npz", LIMIT)
