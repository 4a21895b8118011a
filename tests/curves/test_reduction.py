from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from kinematics.curves.error_bound import ErrorBound
from kinematics.curves.keys import Keys
from kinematics.curves.reduction import LOCATION, VALUE, Channel, Figure, Reduction, reduce_keys
from kinematics.curves.rotation_curves import rotation_of
from kinematics.errors import A2PError
from kinematics.retarget.rig import pose_matrices
from tests.curves.figures import HAND, arm, talking


def posed_error(channels: list[Channel], figure: Figure, reduced: Reduction) -> tuple[float, float]:
    """The worst rotation in radians and place of the hand in metres, by posing the keys anew."""
    rotation, location = figure.rotation.copy(), figure.location.copy()
    for channel, keys in zip(channels, reduced.keys, strict=True):
        values = keys.evaluate(np.arange(len(channel.dense)))
        if channel.mode == LOCATION:
            location[:, channel.bone] = values
        else:
            rotation[:, channel.bone] = rotation_of(values, channel.mode)
    wanted = pose_matrices(figure.rig, figure.rotation, figure.location)
    got = pose_matrices(figure.rig, rotation, location)
    cosine = (np.einsum("tjab,tjab->tj", wanted[..., :3, :3], got[..., :3, :3]) - 1.0) / 2.0
    moved = (got - wanted)[:, HAND, :3, 3] * figure.rig.to_world[0, 0]
    return float(np.arccos(np.clip(cosine, -1, 1)).max()), float(np.linalg.norm(moved, axis=1).max())


@pytest.mark.parametrize("mode", ["QUATERNION", "XYZ", "AXIS_ANGLE"])
def test_the_posed_figure_keeps_the_bound_with_a_quarter_of_the_keys(mode):
    channels, figure = talking(180, mode)
    reduced = reduce_keys(channels, figure)
    rotation, hand = posed_error(channels, figure, reduced)
    assert rotation <= np.deg2rad(0.5)
    assert hand <= 0.002
    assert reduced.error.rotation == pytest.approx(rotation, abs=1e-6)
    assert reduced.error.hand == pytest.approx(hand, abs=1e-9)
    assert reduced.dense_count == sum(channel.dense.size for channel in channels)
    # An axis turns fast where its angle is small, so that form takes more keys.
    assert reduced.count < (0.5 if mode == "AXIS_ANGLE" else 0.25) * reduced.dense_count


def test_bounding_each_curve_by_itself_would_not_do():
    channels, figure = talking(180)
    alone = [
        reduce_keys([channel], replace(figure, hands=())).keys[0]
        for channel in channels
        if channel.mode != LOCATION
    ]
    together = Reduction((*alone, reduce_keys(channels[-1:], figure).keys[0]), reduce_keys([]).error)
    _, hand = posed_error(channels, figure, together)
    assert hand > 0.002


def test_a_tighter_bound_takes_more_keys_and_a_looser_one_fewer():
    channels, figure = talking(90)
    counts = [
        reduce_keys(channels, figure, ErrorBound(np.deg2rad(degrees), hand)).count
        for degrees, hand in ((0.1, 0.0004), (0.5, 0.002), (2.0, 0.01))
    ]
    assert counts[0] > counts[1] > counts[2]


def test_hands_are_bound_in_metres_whatever_the_rigs_unit():
    channels, figure = talking(90, unit=0.01)
    rotation, hand = posed_error(channels, figure, reduce_keys(channels, figure, ErrorBound(1.0, 0.001)))
    assert 0.0005 < hand <= 0.001
    assert rotation > 0.002


def test_a_jump_stays_a_jump():
    channels, figure = talking(60)
    dense = channels[2].dense.copy()
    dense[30:] = rotated = np.roll(rotation_of(np.array([1.2, 0.0, 0.0]), "XYZ"), 1)
    rotation = figure.rotation.copy()
    rotation[30:, 2] = np.roll(rotated, -1)
    figure = replace(figure, rotation=rotation)
    channels[2] = replace(channels[2], dense=dense)
    turned, hand = posed_error(channels, figure, reduce_keys(channels, figure))
    assert turned <= np.deg2rad(0.5)
    assert hand <= 0.002


def test_single_values_keep_their_own_bound():
    time = np.linspace(0, 6, 200)
    channel = Channel(np.clip(np.sin(time), 0.0, None)[:, None], VALUE)
    reduced = reduce_keys([channel], bound=ErrorBound(value=0.01))
    apart = np.abs(reduced.keys[0].evaluate(np.arange(200)) - channel.dense).max()
    assert apart <= 0.01
    assert reduced.error.value == pytest.approx(apart)
    assert reduced.count < 30


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_the_shortest_takes(frames):
    channels, figure = talking(frames)
    reduced = reduce_keys(channels, figure)
    for channel, keys in zip(channels, reduced.keys, strict=True):
        np.testing.assert_allclose(keys.evaluate(np.arange(frames)), channel.dense, atol=3e-3)


def test_what_does_not_move_has_two_keys():
    (keys,) = reduce_keys([Channel(np.full((50, 4), 0.5), VALUE)]).keys
    np.testing.assert_array_equal(keys.frames, [0, 49])
    assert not keys.slopes.any()


def test_handles_are_where_blender_leaves_them():
    channels, figure = talking(60)
    for keys in reduce_keys(channels, figure).keys:
        left, right = keys.handles()
        points = keys.points()
        assert (np.diff(keys.frames) > 0).all()
        # No two handles of a segment overlap in time, and both handles of a key lie on one line.
        assert (right[:-1, :, 0] <= left[1:, :, 0] + 1e-9).all()
        before, after = points - left, right - points
        np.testing.assert_allclose(before[..., 0] * after[..., 1], after[..., 0] * before[..., 1], atol=1e-9)


def test_keys_between_frames_are_beziers():
    keys = Keys(np.array([0, 10]), np.array([[0.0], [1.0]]), np.array([[0.3], [-0.1]]))
    (left, right), points = keys.handles(), keys.points()
    control = np.array([points[0, 0], right[0, 0], left[1, 0], points[1, 0]])
    for fraction in (0.2, 0.5, 0.9):
        weights = [
            (1 - fraction) ** 3,
            3 * fraction * (1 - fraction) ** 2,
            3 * fraction**2 * (1 - fraction),
            fraction**3,
        ]
        time, value = weights @ control
        assert keys.evaluate([time])[0, 0] == pytest.approx(value)


def test_bad_input_is_refused():
    with pytest.raises(A2PError, match="not finite"):
        reduce_keys([Channel(np.array([[np.nan], [1.0]]), VALUE)])
    with pytest.raises(A2PError, match="above 0"):
        ErrorBound(rotation=0.0)


def test_a_figure_without_hands_in_it():
    channels, figure = talking(60)
    reduced = reduce_keys(channels, replace(figure, rig=arm(), hands=()))
    assert posed_error(channels, figure, reduced)[0] <= np.deg2rad(0.5)
