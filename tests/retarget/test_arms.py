"""Arms that bring hands near a place, and keep their directions as far as they may."""

from __future__ import annotations

import numpy as np
import pytest

from kinematics.retarget.arms import lean
from kinematics.retarget.fidelity import measure
from kinematics.retarget.maps import BoneMap
from kinematics.retarget.options import RetargetOptions
from kinematics.retarget.rig import Rig, pose_matrices
from kinematics.retarget.solver import retarget
from kinematics.retarget.source import SourceMotion, source_from_rig
from kinematics.rotations import quaternion_from_euler_xyz, quaternion_multiply
from tests.retarget.figures import Build, figure, talk

LIMIT = np.radians(6)


def turned(before, after):
    """Degrees (T,) between directions."""
    cross = np.linalg.norm(np.cross(before, after), axis=1)
    return np.degrees(np.arctan2(cross, np.sum(before * after, axis=1)))


@pytest.fixture(scope="module")
def chains():
    """A thousand bent chains of two bones, and ways for their ends to go."""
    rng = np.random.default_rng(5)
    segments = [rng.normal(size=(1000, 3)) for _ in range(2)]
    segments = [
        0.4 * segment / np.linalg.norm(segment, axis=1, keepdims=True) * [[scale]]
        for segment, scale in zip(segments, (1.0, 0.8), strict=True)
    ]
    way = rng.normal(size=(1000, 3))
    return segments, way / np.linalg.norm(way, axis=1, keepdims=True)


def leant(chains, size, tolerance=0.0, limit=LIMIT):
    segments, way = chains
    spread = np.full(len(way), 1.0)
    after = lean(segments, size * way, tolerance * spread, [limit * spread] * 2)
    moved = np.sum(after, axis=0) - np.sum(segments, axis=0)
    return after, np.linalg.norm(size * way - moved, axis=1)


@pytest.mark.parametrize("size", [0.001, 0.03, 0.2, 5.0])
def test_no_bone_turns_by_more_than_its_limit_or_changes_its_length(chains, size):
    after, _ = leant(chains, size)
    for before, now in zip(chains[0], after, strict=True):
        assert turned(before, now).max() <= 6.0001
        np.testing.assert_allclose(np.linalg.norm(now, axis=1), np.linalg.norm(before, axis=1))


def test_ends_come_as_near_as_they_are_asked_to_and_no_nearer(chains):
    _, exact = leant(chains, 0.02)
    assert np.median(exact) < 0.004
    after, near = leant(chains, 0.02, tolerance=0.015)
    assert 0.012 < np.median(near) < 0.02
    for before, now, asked in zip(chains[0], after, leant(chains, 0.02)[0], strict=True):
        assert np.mean(turned(before, now)) < 0.5 * np.mean(turned(before, asked))
    _, none = leant(chains, 0.01, tolerance=0.05)
    np.testing.assert_allclose(none, 0.01, rtol=0.15)


def test_what_is_far_is_neared_by_all_that_the_limit_gives(chains):
    """Against the best of many turns within the limits, tried one by one."""
    segments, way = ([segment[:40] for segment in chains[0]], chains[1][:40])
    _, left = leant((segments, way), 0.5)
    best = np.full(40, np.inf)
    rng = np.random.default_rng(1)
    for _ in range(4000):
        end = 0.0
        for segment in segments:
            side = np.cross(segment, rng.normal(size=segment.shape))
            side = side / np.linalg.norm(side, axis=1, keepdims=True)
            length = np.linalg.norm(segment, axis=1, keepdims=True)
            end = end + np.cos(LIMIT) * segment + np.sin(LIMIT) * length * side
        best = np.minimum(best, np.linalg.norm(0.5 * way - (end - np.sum(segments, axis=0)), axis=1))
    assert (left < best + 0.006).all()


def test_a_straight_chain_is_not_bent_for_little_gain():
    straight = [np.tile([0.0, 0, -0.3], (2, 1)), np.tile([0.0, 0, -0.25], (2, 1))]
    move = np.array([[0.0, 0, 0.1], [0.02, 0, 0.1]])
    after = lean(straight, move, np.zeros(2), [np.full(2, LIMIT)] * 2)
    np.testing.assert_allclose(after[0][0], straight[0][0], atol=1e-6)
    # What is asked across comes all the same.
    np.testing.assert_allclose(np.sum(after, axis=0)[1, 0], 0.02, atol=0.004)


def test_the_answer_is_as_smooth_as_the_question():
    time = np.linspace(0, 2 * np.pi, 400)
    upper = 0.3 * np.stack([np.sin(time), np.cos(time), np.zeros(400)], axis=1)
    lower = 0.25 * np.stack([np.zeros(400), np.cos(time), np.sin(time)], axis=1)
    move = 0.15 * np.stack([np.cos(time), np.sin(2 * time), np.zeros(400)], axis=1)
    after = lean([upper, lower], move, np.full(400, 0.04), [np.full(400, LIMIT)] * 2)
    for before, now in zip((upper, lower), after, strict=True):
        given = (now - before) / np.linalg.norm(before, axis=1, keepdims=True)
        steps = [np.degrees(np.linalg.norm(np.diff(given, order, axis=0), axis=1).max()) for order in (1, 2)]
        assert steps[0] < 0.8  # of 12 degrees from side to side, while the place goes round in 400 frames
        assert steps[1] < 0.15


def long_forearms(rig, bone_map):
    """The same figure with forearms twice as long as its upper arms."""
    rest = rig.rest.copy()
    for side in "LR":
        shoulder, elbow, wrist = (
            rig.index(bone_map[f"{slot}.{side}"][0]) for slot in ("upper_arm", "forearm", "hand")
        )
        reach = rig.heads[wrist] - rig.heads[shoulder]
        below = [bone for bone in range(len(rig)) if rig.is_carried_by(bone, elbow)]
        rest[elbow, :3, 3] = rig.heads[shoulder] + reach / 3
        rest[below, :3, 3] += rest[elbow, :3, 3] + reach * 2 / 3 - rig.heads[wrist]
    return Rig(rig.names, rig.parents, rest), bone_map


def test_a_rig_of_another_build_keeps_the_arms_directions():
    rig, bone_map = long_forearms(*figure(Build()))
    source = talk()
    matrices = pose_matrices(
        rig,
        *retarget(source, rig, bone_map, RetargetOptions(plant_feet=True, reach_hands=True)).channels(rig),
    )
    fidelity = measure(source, rig, bone_map, matrices)
    assert fidelity.limb_direction_mean_deg < 2
    assert fidelity.limb_direction_p99_deg < 6
    assert fidelity.max_step_deg < 30


def collars(rig, bone_map, matrices, side):
    """(T, 3) unit vectors from the clavicle's head to the shoulder."""
    start, end = (rig.index(bone_map[f"{slot}.{side}"][0]) for slot in ("clavicle", "upper_arm"))
    way = matrices[:, end, :3, 3] - matrices[:, start, :3, 3]
    return way / np.linalg.norm(way, axis=1, keepdims=True)


def test_shoulders_help_hands_and_do_not_shrug():
    rig, bone_map = long_forearms(*figure(Build()))
    source = talk()
    copied, reaching = (
        pose_matrices(rig, *retarget(source, rig, bone_map, RetargetOptions(reach_hands=reach)).channels(rig))
        for reach in (False, True)
    )
    chest = rig.index(bone_map["spine"][-1])
    up = reaching[:, chest, :3, :3] @ rig.rest[chest, :3, :3].T @ [0.0, 0, 1]
    for side in "LR":
        before, after = (collars(rig, bone_map, matrices, side) for matrices in (copied, reaching))
        assert 5 < turned(before, after).max() < 20.01
        raised = np.sum((after - before) * up, axis=1)
        assert raised.max() < np.sin(np.radians(6.5))
        assert raised.min() < -0.1
    # The same without bones that shoulders could move by.
    fixed = BoneMap(
        "fixed", {slot: bones for slot, bones in bone_map.bones.items() if "clavicle" not in slot}
    )
    without = pose_matrices(
        rig, *retarget(source, rig, fixed, RetargetOptions(reach_hands=True)).channels(rig)
    )
    errors = [
        measure(source, rig, bone_map, matrices).hand_error_arm_fraction for matrices in (reaching, without)
    ]
    assert errors[0] < errors[1] - 0.005


def test_a_shrug_that_a_rig_cannot_follow_is_measured():
    rig, bone_map = figure(Build())
    turns = np.zeros((2, len(rig), 3))
    for side, sign in (("L", -1.0), ("R", 1.0)):
        turns[1, rig.index(bone_map[f"clavicle.{side}"][0]), 1] = sign * np.radians(20)
    shrugged = pose_matrices(rig, quaternion_from_euler_xyz(turns), np.zeros((2, len(rig), 3)))
    source = source_from_rig(rig, bone_map, shrugged, 30.0)
    other, other_map = figure(Build({"clavicle": 0}))
    still, followed = (
        measure(source, each, each_map, pose_matrices(each, *retarget(source, each, each_map).channels(each)))
        for each, each_map in ((other, other_map), (rig, bone_map))
    )
    assert followed.hand_error_arm_fraction < 1e-6
    assert 0.06 < still.hand_error_arm_fraction < 0.09


def clasping():
    """Folds its hands: the upper arms hang, the forearms turn inward until the palms touch."""
    rig, bone_map = figure(Build())
    frames = 30
    inward = np.radians(90) + np.linspace(0, np.radians(27), frames)
    still = np.zeros(frames)
    rotation = np.tile(rig.rest_rotations, (frames, 1, 1))
    for side, sign in (("L", 1.0), ("R", -1.0)):
        down = quaternion_from_euler_xyz([0, sign * np.radians(90), 0])
        bent = quaternion_from_euler_xyz(np.stack([still, still, -sign * inward], axis=1))
        shoulder, elbow = (rig.index(bone_map[f"{slot}.{side}"][0]) for slot in ("upper_arm", "forearm"))
        for bone in range(len(rig)):
            if bone == elbow or rig.is_carried_by(bone, elbow):
                rotation[:, bone] = quaternion_multiply(bent, rotation[:, bone])
            elif bone == shoulder:
                rotation[:, bone] = quaternion_multiply(down, rotation[:, bone])
    unmoved = SourceMotion(rig, bone_map, rotation, np.tile(rig.heads, (frames, 1, 1)), 30.0)
    matrices = pose_matrices(rig, *retarget(unmoved, rig, bone_map).channels(rig))
    return SourceMotion(rig, bone_map, rotation, matrices[..., :3, 3], 30.0)


def between_hands(source, rig, bone_map, matrices):
    """(T,) arm lengths by which the way from wrist to wrist differs from the source's."""
    ways = []
    for skeleton, names, points in (
        (rig, bone_map, matrices[..., :3, 3]),
        (source.rig, source.bone_map, source.position),
    ):
        left, right = (points[:, skeleton.index(names[f"hand.{side}"][0])] for side in "LR")
        span = SourceMotion(
            skeleton, names, np.tile([0.0, 0, 0, 1], (1, len(skeleton), 1)), skeleton.heads[None], 1.0
        ).figure.arm_span(("upper_arm.L", "forearm.L", "hand.L"))
        ways.append((left - right) / span)
    return np.linalg.norm(ways[0] - ways[1], axis=1)


def test_hands_that_touch_do_so_on_a_rig_of_another_build():
    rig, bone_map = long_forearms(*figure(Build()))
    source = clasping()
    free, reaching = (
        pose_matrices(rig, *retarget(source, rig, bone_map, RetargetOptions(reach_hands=reach)).channels(rig))
        for reach in (False, True)
    )
    palms = [source.position[:, source.rig.index(source.bone_map[f"middle.{side}"][0])] for side in "LR"]
    touch = np.linalg.norm(palms[0] - palms[1], axis=1) < 0.08
    assert 3 < touch.sum() < 27
    before, after = (between_hands(source, rig, bone_map, each) for each in (free, reaching))
    assert before[touch].min() > 0.11
    assert after[touch].max() < 0.06
    angles = measure(source, rig, bone_map, reaching)
    assert angles.limb_direction_p99_deg < 10
