"""Weights as Live Link Face writes them."""

from __future__ import annotations

import csv
import io

import numpy as np

from kinematics.face.live_link import write_live_link
from kinematics.face.shapes import ARKIT_SHAPES


def test_every_weight_is_under_its_own_name():
    weights = np.arange(2 * 52).reshape(2, 52) / 200.0
    file = io.BytesIO()
    write_live_link(file, weights, 30)
    rows = list(csv.DictReader(io.StringIO(file.getvalue().decode())))
    assert len(rows) == 2
    assert len(rows[0]) == 2 + 52 + 9
    assert rows[0]["BlendShapeCount"] == "61"
    for column, name in enumerate(ARKIT_SHAPES):
        assert float(rows[1][name[0].upper() + name[1:]]) == weights[1, column]
    assert rows[1]["HeadYaw"] == "0.0"


def test_timecodes_count_frames():
    file = io.BytesIO()
    write_live_link(file, np.zeros((1835, 52)), 30)
    times = [row["Timecode"] for row in csv.DictReader(io.StringIO(file.getvalue().decode()))]
    assert (times[0], times[29], times[30], times[-1]) == (
        "00:00:00:00.000", "00:00:00:29.000", "00:00:01:00.000", "00:01:01:04.000",
    )  # fmt: skip
