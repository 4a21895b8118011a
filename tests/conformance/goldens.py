"""Stored outputs of the original ("goldens"), found and read by their naming rules.

A conformance test names the files and arrays that it understands, and runs once for each that is there::

    @pytest.mark.golden(r"pose_film_t(?P<frames>\\d+)", r"cond_t(?P<step>\\d+)")
    def test_conditioned(golden):
        inputs = golden.inputs()
        ...
        golden.check(ours, atol=4e-5)

The first pattern is matched with the file's name without its ending, the second with the array's name without
its cuts (`_everyK`, `_firstN`) and without `_f64`. Named groups of both are in `golden.groups`. Without a
second pattern the test runs once a file.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

DEFAULT_FOLDER = Path(__file__).parents[1] / "data" / "golden"
"""The goldens that travel with the repository."""

_CUT = re.compile(r"_(every|first)(\d+)(?=_|$)")
_TAIL = re.compile(r"_and_last(\d+)")
_CLIP_LENGTH = re.compile(r"_t(\d+)")


@dataclass(frozen=True)
class ArrayName:
    """An array's name taken apart: `mid_layer0_every20_t10` is `mid_layer0_t10` cut by `every20`."""

    stem: str
    cuts: tuple[tuple[str, int], ...]
    tail: int
    """Rows at the end that are stored besides, uncut: 2 in `norm_cond_every40_and_last2`."""

    @classmethod
    def parse(cls, name: str) -> ArrayName:
        cuts = tuple((kind, int(count)) for kind, count in _CUT.findall(name))
        tail = _TAIL.search(name)
        stem = _TAIL.sub("", _CUT.sub("", name)).removesuffix("_f64")
        return cls(stem, cuts, int(tail[1]) if tail else 0)


def cut(values: np.ndarray, cuts: tuple[tuple[str, int], ...], axis: int, length: int) -> np.ndarray:
    """Apply `everyK` ([::K]) and `firstN` ([:N]) along `axis`, so that `length` rows remain.

    Where both are named, the order in which they were taken is the one that leaves `length` rows.
    """
    for ordered in (cuts, cuts[::-1]):
        rows = np.arange(values.shape[axis])
        for kind, count in ordered:
            rows = rows[::count] if kind == "every" else rows[:count]
        if len(rows) == length:
            return np.take(values, rows, axis=axis)
    raise AssertionError(f"{values.shape[axis]} rows cut by {cuts} cannot leave the {length} that are stored")


class Arrays(dict[str, np.ndarray]):
    """The arrays of a file, by their full names. A test that asks for one that is not there is skipped."""

    def __init__(self, path: Path) -> None:
        with np.load(path, allow_pickle=False) as file:
            super().__init__((name, file[name]) for name in file.files)
        self._file_name = path.name

    def __missing__(self, name: str) -> np.ndarray:
        pytest.skip(f"{self._file_name} holds no {name}")


@functools.cache
def read_npz(path: Path) -> Arrays:
    """All arrays of a file; kept, for many tests read the same file."""
    return Arrays(path)


@dataclass(frozen=True)
class Golden:
    """One stored array (or, where `array` is empty, one whole file) and the names around it."""

    path: Path
    folder: Path
    array: str = ""
    groups: dict[str, str | None] = field(default_factory=dict, compare=False)

    def __str__(self) -> str:
        name = self.path.relative_to(self.folder).with_suffix("").as_posix()
        return f"{name}:{self.array}" if self.array else name

    @property
    def arrays(self) -> Arrays:
        """Every array of the file, by its full name."""
        return read_npz(self.path)

    @property
    def name(self) -> ArrayName:
        """The array's name, taken apart."""
        return ArrayName.parse(self.array)

    @property
    def values(self) -> np.ndarray:
        """The stored array, as it is in the file."""
        return self.arrays[self.array]

    @property
    def batch(self) -> int:
        """Leading dimension of the stored array: how many samples of the inputs it is made from."""
        return int(self.values.shape[0])

    def require(self, name: str) -> np.ndarray:
        """Another array of the same file; the test is skipped where the file does not hold it."""
        return self.arrays[name]

    def json(self) -> Any:
        """The content of a .json file."""
        return json.loads(self.path.read_text(encoding="utf-8"))

    def inputs(self) -> Arrays:
        """The input arrays of clips of this file's length (see `inputs_path`)."""
        return read_npz(self.inputs_path())

    def inputs_path(self) -> Path:
        """The file of inputs for clips of this file's length.

        `inputs_t240.npz` belongs to `pose_film_t240.npz`. It is looked for beside the file, then anywhere in
        the folder, then among the repository's own goldens; where there is none the test is skipped.
        """
        length = _CLIP_LENGTH.search(self.path.stem)
        assert length, f"{self.path.name} does not name its length (_t120)"
        names = [f"inputs{self.path.stem[length.start() :]}.npz", f"inputs{length[0]}.npz"]
        for root in (self.path.parent, self.folder, DEFAULT_FOLDER):
            for name in names:
                for path in sorted(root.rglob(name)):
                    return path
        pytest.skip(f"no {names[-1]} for {self.path.name}")

    def check(self, ours: Any, *, atol: float, rtol: float = 0.0, time_axis: int = 1) -> None:
        """Compare our whole output with the stored one, cut along `time_axis` as the array's name says."""
        check_close(ours, self.values, str(self), self.array, atol=atol, rtol=rtol, time_axis=time_axis)


def check_close(
    ours: Any,
    stored: np.ndarray,
    label: str,
    name: str,
    *,
    atol: float,
    rtol: float = 0.0,
    time_axis: int = 1,
) -> None:
    """Fail unless |ours - stored| <= atol + rtol |stored| everywhere, once ours is cut as `name` says.

    Integers and booleans have to be equal.
    """
    values = np.asarray(ours.detach().cpu() if hasattr(ours, "detach") else ours)
    parsed = ArrayName.parse(name)
    if parsed.cuts:
        body, tail = np.split(values, [values.shape[time_axis] - parsed.tail], axis=time_axis)
        body = cut(body, parsed.cuts, time_axis, stored.shape[time_axis] - parsed.tail)
        values = np.concatenate([body, tail], axis=time_axis)
    assert values.shape == stored.shape, f"{label}: shape {values.shape}, stored {stored.shape}"
    if stored.dtype.kind in "biu":
        differing = int(np.count_nonzero(values != stored))
        assert differing == 0, f"{label}: {differing} of {stored.size} entries differ"
        return
    # Equal infinities differ by NaN; equality is tested first so that they count as equal.
    with np.errstate(invalid="ignore"):
        error = np.where(values == stored, 0.0, np.abs(values.astype(np.float64) - stored.astype(np.float64)))
    excess = error - (atol + rtol * np.abs(stored.astype(np.float64)))
    worst = float(error.max(initial=0.0))
    assert (excess <= 0).all(), f"{label}: largest error {worst:.3e}, allowed {atol:g} + {rtol:g} relative"


def files(folder: Path) -> list[Path]:
    """Every file below `folder` that may hold goldens."""
    return [path for path in sorted(folder.rglob("*")) if path.suffix in (".npz", ".json")]


def is_inputs(path: Path) -> bool:
    """Whether a file holds what the networks are given, not what they answer."""
    return path.stem.startswith("inputs")


def find(folder: Path, file_pattern: str, array_pattern: str | None = None) -> Iterator[Golden]:
    """Every golden below `folder` that the patterns of the module's docstring describe, sorted by name."""
    for path in files(folder):
        file_match = re.fullmatch(file_pattern, path.stem)
        if not file_match or (array_pattern and path.suffix != ".npz"):
            continue
        if array_pattern is None:
            yield Golden(path, folder, groups=file_match.groupdict())
            continue
        for name in read_npz(path):
            array_match = re.fullmatch(array_pattern, ArrayName.parse(name).stem)
            if array_match:
                yield Golden(path, folder, name, file_match.groupdict() | array_match.groupdict())
