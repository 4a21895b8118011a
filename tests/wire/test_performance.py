from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from a2p_backend.wire.performance import Performance, TakeError, load_take, save_take


def make_performance(frames: int = 45) -> Performance:
    generator = np.random.default_rng(3)
    return Performance(
        pose=generator.standard_normal((frames, 104)).astype(np.float32),
        face=generator.standard_normal((frames, 256)).astype(np.float32),
        guide=generator.standard_normal((2, 104)).astype(np.float32),
        actor="default",
        seed=7,
        clip_name="hällo 音声.wav",
        clip_sha256="0" * 64,
        settings={"steps": 20},
        warnings=("The clip is short.",),
        edit={"kept": ["legs"]},
        missing=("face",),
        versions={"a2p": "1.0"},
    )


def rewrite(source: Path, target: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            new.writestr(name, members.get(name.removesuffix(".npy"), old.read(name)))
    return target


def npy(array: np.ndarray, allow_pickle: bool = False) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, allow_pickle=allow_pickle)
    return stream.getvalue()


@pytest.fixture
def take(tmp_path: Path) -> Path:
    save_take(make_performance(), tmp_path / "take.npz")
    return tmp_path / "take.npz"


def test_take_round_trip_leaves_one_file(take: Path) -> None:
    loaded, made = load_take(take), make_performance()
    assert loaded.header() == made.header()
    for name, array in made.arrays().items():
        np.testing.assert_array_equal(loaded.arrays()[name], array)
    assert loaded.duration == 1.5
    assert [path.name for path in take.parent.iterdir()] == ["take.npz"]


@pytest.mark.parametrize("length", [0, 10, 400, 20_000])
def test_truncated_take_is_refused(take: Path, length: int) -> None:
    take.write_bytes(take.read_bytes()[:length])
    with pytest.raises(TakeError, match="not a take"):
        load_take(take)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TakeError, match="No such file"):
        load_take(tmp_path / "absent.npz")


def test_pickled_objects_are_refused_unread(take: Path, tmp_path: Path) -> None:
    bad = npy(np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(TakeError, match="object"):
        load_take(rewrite(take, tmp_path / "bad.npz", pose=bad))


def test_shape_larger_than_the_content_is_refused(take: Path, tmp_path: Path) -> None:
    lying = npy(np.zeros((45, 104), np.float32)).replace(b"(45, 104)", b"(9999999999, 104)")
    with pytest.raises(TakeError):
        load_take(rewrite(take, tmp_path / "bad.npz", pose=lying))


def test_nan_is_refused_with_its_row(take: Path, tmp_path: Path) -> None:
    pose = np.zeros((45, 104), np.float32)
    pose[12, 3] = np.nan
    with pytest.raises(TakeError, match="row 12"):
        load_take(rewrite(take, tmp_path / "bad.npz", pose=npy(pose)))


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (b"[1]", "does not say"),
        (b"{" * 5000, "not JSON"),
        (json.dumps({"format": "a2p-take", "version": 9}).encode(), "version 9"),
        (json.dumps({"format": "a2p-take", "version": 1, "seed": 1}).encode(), "lacks its actor"),
    ],
)
def test_headers_that_are_not_ours(take: Path, tmp_path: Path, header: bytes, message: str) -> None:
    with pytest.raises(TakeError, match=message):
        load_take(rewrite(take, tmp_path / "bad.npz", header=npy(np.frombuffer(header, np.uint8))))


def test_unequal_lengths_are_refused() -> None:
    with pytest.raises(TakeError, match="3 frames of pose but 4"):
        Performance(
            pose=np.zeros((3, 104), np.float32),
            face=np.zeros((4, 256), np.float32),
            guide=np.zeros((1, 104), np.float32),
            actor="default",
            seed=0,
            clip_name="",
            clip_sha256="",
        )


def test_failed_write_leaves_the_old_take(take: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = take.read_bytes()

    def interrupted(file: object, **arrays: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez_compressed", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save_take(make_performance(30), take)
    assert take.read_bytes() == before
    assert list(take.parent.iterdir()) == [take]
