from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from a2p_backend.wire.edit import Edit, EditError, read_guide
from a2p_backend.wire.performance import TakeError
from tests.wire.test_performance import make_performance

START = dataclasses.replace(make_performance(90), missing=())


def _guide(rows: int = 3, **values: float) -> np.ndarray:
    guide = np.full((rows, 104), np.nan, np.float32)
    for row, value in values.items():
        guide[int(row.removeprefix("second"))] = value
    return guide


def test_an_edit_travels_whole() -> None:
    edit = Edit(
        start=START,
        strength=0.4,
        locked_pose=((10, 20), (40, 50)),
        locked_face=((0, 5),),
        kept=("legs", "root"),
        guide=_guide(second1=0.5),
    )
    arrived = Edit.from_parts(edit.fields(), edit.arrays())
    assert arrived.to_dict() == edit.to_dict()
    assert arrived.to_dict()["guide_given"] == [1]
    assert arrived.start is not None
    np.testing.assert_array_equal(arrived.start.pose, START.pose)


def test_nothing_is_an_edit_too() -> None:
    assert Edit.from_parts({}, {}).to_dict() == {}
    assert Edit.from_parts(Edit().fields(), Edit().arrays()).start is None


def test_locks_are_put_in_order_and_joined() -> None:
    assert Edit(start=START, locked_pose=((30, 40), (0, 5), (35, 60), (5, 9))).locked_pose == (
        (0, 9),
        (30, 60),
    )


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"locked_pose": ((0, 5),)}, "need a performance to start from"),
        ({"strength": 0.5}, "need a performance to start from"),
        ({"start": START, "strength": 1.5}, "strength is 1.5"),
        ({"start": START, "strength": float("nan")}, "strength is nan"),
        ({"start": START, "locked_pose": ((5, 5),)}, "is no range of frames"),
        ({"start": START, "locked_face": ((-1, 5),)}, "is no range of frames"),
        ({"start": START, "locked_face": ((0.0, 5.0),)}, "is no range of frames"),
        ({"start": START, "kept": ("tail",)}, "'tail' cannot be kept: choose from root"),
        ({"guide": np.zeros((3, 103), np.float32)}, "shape (3, 103)"),
        ({"guide": np.zeros((3, 104), np.int32)}, "int32 values"),
        ({"start": dataclasses.replace(START, missing=("body",)), "kept": ("legs",)}, "has no body"),
        ({"start": dataclasses.replace(START, missing=("face",)), "locked_face": ((0, 5),)}, "has no face"),
    ],
)
def test_what_makes_no_sense_is_said(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(EditError, match=re.escape(sentence)):
        Edit(**values)


def test_a_half_given_guide_pose_is_refused_with_its_second() -> None:
    guide = _guide(second1=0.5)
    guide[1, 7] = np.nan
    with pytest.raises(EditError, match="pose 1 holds NaN"):
        Edit(guide=guide)


@pytest.mark.parametrize(
    "fields", [[], {"colour": 1}, {"kept": "legs"}, {"locked_pose": {"0": 5}}, {"start": "take.npz"}]
)
def test_what_comes_over_the_wire_is_checked(fields: Any) -> None:
    with pytest.raises(EditError):
        Edit.from_parts(fields, {})


def test_a_start_that_came_without_its_motion_is_refused() -> None:
    with pytest.raises(TakeError, match="without its pose"):
        Edit.from_parts(Edit(start=START).fields(), {})


def test_a_guide_is_read_from_a_file_without_pickle(tmp_path: Path) -> None:
    path = tmp_path / "guide.npy"
    np.save(path, _guide(second2=1.0))
    np.testing.assert_array_equal(read_guide(path), _guide(second2=1.0))
    np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(EditError, match="is not a guide"):
        read_guide(path)
    np.savez(tmp_path / "several.npz", a=_guide(), b=_guide())
    with pytest.raises(EditError, match="is not a guide"):
        read_guide(tmp_path / "several.npz")
    with pytest.raises(EditError, match="No such file"):
        read_guide(tmp_path / "absent.npy")


def test_a_part_of_an_edit_is_of_a_part_of_the_clip() -> None:
    start = dataclasses.replace(START, guide=START.pose[::30])
    guide = _guide(second2=1.0)
    edit = Edit(start, 0.5, ((0, 20), (50, 70), (84, 85)), ((10, 35),), ("legs",), guide)
    part = edit.part(30, 85)
    assert part.start is not None
    assert part.guide is not None
    np.testing.assert_array_equal(part.start.pose, start.pose[30:85])
    np.testing.assert_array_equal(part.start.guide, start.guide[1:])
    np.testing.assert_array_equal(part.guide, guide[1:])
    assert (part.locked_pose, part.locked_face) == (((20, 40), (54, 55)), ((0, 5),))
    assert (part.strength, part.kept) == (0.5, ("legs",))
    assert edit.part(30, 60).locked_pose == ((20, 30),)
    part.check_fits(55, start.actor)
    assert len(Edit(START, 0.5).part(30, 60).start.guide) == 0  # which guide pose is whose is not known
