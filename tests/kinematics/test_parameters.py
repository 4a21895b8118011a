"""Momentum's parameter text: what each form means, and where each is wrong."""

from __future__ import annotations

import numpy as np
import pytest

from kinematics.body import load_default_body
from kinematics.limits import EllipsoidLimit, HalfPlaneLimit, LinearLimit, MinMaxLimit
from kinematics.parameters import ParameterFileError, read_parameters, transform_from_text
from kinematics.skeleton import Skeleton

SKELETON = Skeleton(("hip", "knee"), np.array([-1, 0]), np.zeros((2, 3)), np.tile([0, 0, 0, 1.0], (2, 1)))
MODEL = """# made by hand
Momentum Model Definition V1.0

[ParameterTransform]
hip.tx=10*root_tx   # spaces are free
hip.rx = .5 * bend + 1e-1*twist + -2 * bend + 0.25
knee.ry = 1e+1 * bend+3 * hip.rx + -.5
knee.sc = 1 * scale_all
[ParameterSets]
parameterset legs bend twist
[PoseConstraints]
anything at all
[Limits]
limit bend minmax [-1, 2.5] 3
limit knee.ry minmax_passive [0, 1e1]
limit bend linear twist [2, -1, 0] [-1, +.5] 0.5
limit hip.rx linearJoint knee.ry [1, 0]
limit bend halfplane twist [3, 4] 10
limit knee ellipsoid [0, 1, 2] hip [1, 2, 3] [0, 90, 0] [4, 5, 6] 2
"""


def parse(text: str, **options):
    return transform_from_text(text, SKELETON, "legs", **options)


def test_model_text():
    transform = parse(MODEL)
    assert transform.names == ("root_tx", "bend", "twist", "scale_all")
    assert (transform.pose_count, transform.scale_count) == (3, 1)
    expected = np.zeros((14, 4))
    expected[0, 0] = 10
    expected[3, 1:3] = -1.5, 0.1
    expected[7 + 4, 1:3] = 10 + 3 * -1.5, 3 * 0.1
    expected[7 + 6, 3] = 1
    np.testing.assert_allclose(transform.matrix, expected, atol=1e-15)
    offsets = np.zeros(14)
    offsets[[3, 11]] = 0.25, 3 * 0.25 - 0.5
    np.testing.assert_allclose(transform.offsets, offsets)
    assert transform.limits == (
        MinMaxLimit("bend", -1, 2.5, 3),
        MinMaxLimit("knee.ry", 0, 10, passive=True),
        LinearLimit("bend", "twist", ((2, -1, 0), (-1, 0.5, None)), 0.5),
        LinearLimit("hip.rx", "knee.ry", ((1, 0, None),)),
        HalfPlaneLimit("bend", "twist", (0.6, 0.8), 2),
        EllipsoidLimit("knee", (0, 1, 2), "hip", (1, 2, 3), (0, 90, 0), (4, 5, 6), 2),
    )
    np.testing.assert_array_equal(transform.ranges()[1], [-1, 2.5])
    assert np.all(np.isinf(transform.ranges()[[0, 2, 3]]))


def test_cfg_text():
    """A repeated weight replaces the earlier one; a last line without an end loses nothing."""
    transform = parse(
        "hip.rx = 1 * bend + 2 * bend\nlimit bend minmax [ -.7 , .7 ] 10\nknee.sc = 1.5 * scale12"
    )
    assert transform.names == ("bend", "scale12")
    assert transform.scale_count == 1
    assert (transform.matrix[3, 0], transform.matrix[13, 1]) == (2, 1.5)
    assert transform.limits == (MinMaxLimit("bend", -0.7, 0.7, 10),)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("hip.rx = a", "expected 'weight \\* parameter'"),
        ("hip.rx = 1 * a - 2 * b", "expected 'weight"),
        ("hip.rx =", "expected 'weight"),
        ("hip.rx = " + "1" * 20_000 + "x * a", "longer than 10000 letters"),
        ("foot.rx = 1 * a", "no joint 'foot'"),
        ("hip.rw = 1 * a", "'rw' is not a channel"),
        ("knee.rx = 1 * hip.ry", "copied before"),
        ("hip rx", "expected 'joint.channel"),
        ("[Extras]", "unknown section"),
        ("[ParameterSets]\nparameterset legs nobody", "no parameter 'nobody'"),
        ("[Limits]\nlimit nobody minmax [0, 1]", "no parameter 'nobody'"),
        ("[Limits]\nlimit hip.rx maximum [0, 1]", "unknown type of limit 'maximum'"),
        ("[Limits]\nlimit hip.rx minmax [.5, 1]", "expected 2 numbers"),
        ("[Limits]\nlimit hip.rx minmax [1, 0]", "lies above"),
        ("[Limits]\nlimit hip.rx minmax [0, 1, 2]", "expected 2 numbers"),
        ("[Limits]\nlimit hip.rx minmax [0, 1] 2 3", "did not expect|expected a weight"),
        ("[Limits]\nlimit knee ellipsoid whatever", "expected 3 numbers"),
        ("[Limits]\nlimit hip.rx linearJoint knee.ry [1, 0] [1, 0]", "must rise"),
    ],
)
def test_errors_name_the_line(line, message):
    text = "Momentum Model Definition V1.0\n\n[ParameterTransform]\nhip.tz = 1 * z\n" + line
    number = 4 + len(line.splitlines())
    with pytest.raises(ParameterFileError, match=f"legs, line {number}: .*(?:{message})"):
        parse(text)


@pytest.mark.parametrize(
    "line",
    [
        "hip.rx = 1*a",
        "hip.rx = 1e-1 * a",
        "hip.rx = 1 * a + 0.5",
        "hip.rx = 1 * hip.tx",
        "limit hip.rx linearJoint knee.ry [1, 0]",
        "hip.rx = 1 * limitless",
    ],
)
def test_what_the_older_form_cannot_say_is_an_error(line):
    with pytest.raises(ParameterFileError, match="line 2"):
        parse(f"hip.tx = 1 * x #\n{line} #\n")


def test_scales_must_come_last():
    with pytest.raises(ParameterFileError, match="scale_all"):
        parse("hip.sc = 1 * scale_all\nhip.rx = 1 * bend\n")


def test_skipping_what_is_unknown_is_said_once():
    text = "nojoint.rx = 1 * ghost\nhip.rx = 1 * a + 2*b + 3 * c\nlimit nobody minmax [0,1]\n"
    with pytest.warns(UserWarning, match="line 1, .*line 2, .*line 3, ") as caught:
        transform = parse(text, skip_unknown=True)
    assert len(caught) == 1
    assert transform.names == ("a", "c")
    with pytest.raises(ParameterFileError, match="not a channel"):
        parse("hip.rw = 1 * a", skip_unknown=True)


def test_no_more_parameters_than_a_body_can_have():
    with pytest.raises(ParameterFileError, match="line 10001: 'a10000' is one more"):
        parse("".join(f"hip.rx = 1 * a{number}\n" for number in range(10_001)))


def test_weights_must_be_finite():
    with pytest.raises(ParameterFileError, match=r"legs cannot be used: a weight .* is not a finite number"):
        parse("hip.rx = " + "9" * 400 + " * a")


def test_missing_file(tmp_path):
    with pytest.raises(ParameterFileError, match=r"nothing\.model cannot be opened"):
        read_parameters(tmp_path / "nothing.model", SKELETON)


def test_poses_are_solved_from_channels():
    transform = load_default_body().transform
    random = np.random.default_rng(2)
    pose, scales = random.uniform(-1, 1, (5, 104)), random.uniform(-0.2, 0.2, 6)
    channels = transform.channels(pose, scales)
    assert channels.shape == (5, 88, 7)
    np.testing.assert_allclose(transform.solve_pose(channels, scales), pose, atol=1e-12)
    with pytest.raises(ValueError, match="104 pose parameters"):
        transform.channels(pose[:, :103])
