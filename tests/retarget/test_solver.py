"""Motion of the default actor on rigs of every build."""

from __future__ import annotations

import functools

import numpy as np
import pytest

from kinematics.bvh import BVHMotion
from kinematics.pose import JointStates
from kinematics.retarget.detection import detect
from kinematics.retarget.fidelity import measure
from kinematics.retarget.limbs import reach
from kinematics.retarget.maps import BoneMap
from kinematics.retarget.options import RetargetOptions
from kinematics.retarget.rig import Rig, RigError, pose_matrices
from kinematics.retarget.solver import retarget
from kinematics.retarget.source import (
    MotionError,
    SourceMotion,
    rig_from_bvh,
    source_from_bvh,
    source_from_rig,
)
from kinematics.retarget.swing import roll_angle
from kinematics.rotations import (
    quaternion_conjugate,
    quaternion_from_matrix,
    quaternion_multiply,
    rotate,
)
from kinematics.skeleton import Skeleton
from tests.retarget.figures import Y_UP_FACING_Z, Z_UP_FACING_X, Build, figure, talk
from tests.retarget.reachable import least_hand_error

TWISTS = {f"{limb}_twist": 2 for limb in ("upper_arm", "forearm", "thigh", "shin")}

BUILDS = {
    "T pose": Build(),
    "A pose, rolled bones": Build(arms_down=45, elbow=25, rolled=True),
    "hundredth scale": Build(unit=100.0, to_world=np.diag([0.01, 0.01, 0.01, 1])),
    "Y up": Build(axes=Y_UP_FACING_Z, rolled=True),
    "facing X": Build(axes=Z_UP_FACING_X),
    "twist bones": Build(counts=TWISTS, rolled=True),
    "helpers between": Build(helpers=True, rolled=True),
    "long spine and neck": Build(counts={"spine": 6, "neck": 3}),
    "short spine, bare": Build(counts={"spine": 1, "neck": 0, "clavicle": 0, "toe": 0}, arms_down=70),
    "two fingers": Build(counts={"middle": 0, "ring": 0, "pinky": 0}),
    "no fingers": Build(counts=dict.fromkeys(("thumb", "index", "middle", "ring", "pinky"), 0)),
}


@functools.cache
def take() -> SourceMotion:
    return talk()


def applied(motion, rig):
    return pose_matrices(rig, *motion.channels(rig))


def points(matrices, rig, bone_map, slot):
    return matrices[:, rig.index(bone_map[slot][0]), :3, 3]


@pytest.mark.parametrize("build", BUILDS.values(), ids=BUILDS)
def test_limbs_point_where_the_source_s_do(build):
    rig, bone_map = figure(build)
    matrices = applied(retarget(take(), rig, bone_map), rig)
    fidelity = measure(take(), rig, bone_map, matrices)
    assert fidelity.limb_direction_p99_deg < 0.01
    # Some frame of this take turns by as much.
    assert fidelity.max_step_deg < 30


@pytest.mark.parametrize("build", BUILDS.values(), ids=BUILDS)
def test_hands_reach_and_feet_stand_when_asked(build):
    rig, bone_map = figure(build)
    motion = retarget(take(), rig, bone_map, RetargetOptions(plant_feet=True, reach_hands=True))
    fidelity = measure(take(), rig, bone_map, applied(motion, rig))
    # Where shoulders rise that have no bone to rise with, hands stay behind: no arm could make up for it.
    least = 0.0 if "clavicle.L" in bone_map.bones else least_hand_error(take(), rig, bone_map)
    assert fidelity.hand_error_arm_fraction < max(0.05, least + 0.005)
    assert fidelity.foot_slide_cm < 1
    assert fidelity.limb_direction_mean_deg < 2
    assert fidelity.limb_direction_p99_deg < 6


def test_the_own_skeleton_gets_the_same_motion():
    source = take()
    motion = retarget(source, source.rig, source.bone_map)
    matrices = applied(motion, source.rig)
    for slot in ("hips", "spine", "head", "clavicle.R", "hand.L", "index.R", "thumb.L", "foot.L", "toe.R"):
        for bone in source.bone_map[slot]:
            joint = source.rig.index(bone)
            turn = quaternion_from_matrix(matrices[:, joint, :3, :3])
            same = np.abs(np.sum(turn * source.rotation[:, joint], axis=1))
            np.testing.assert_allclose(same, 1, atol=1e-6, err_msg=bone)
    wrist = source.rig.index("b_l_wrist")
    apart = matrices[:, wrist, :3, 3] - source.position[:, wrist]
    # The feet decide how high a take stands.
    np.testing.assert_allclose(apart, np.broadcast_to(apart.mean(axis=0) * [0, 0, 1], apart.shape), atol=1e-6)
    assert np.abs(apart).max() < 0.05


def test_keys_do_not_depend_on_the_object():
    build = Build(arms_down=45, rolled=True)
    rig, bone_map = figure(build)
    moved = np.diag([0.01, 0.01, 0.01, 1.0])
    moved[:3, :3] = moved[:3, :3] @ Y_UP_FACING_Z
    moved[:3, 3] = [3, -2, 7]
    here = retarget(take(), rig, bone_map)
    there = retarget(take(), Rig(rig.names, rig.parents, rig.rest, moved), bone_map)
    np.testing.assert_allclose(there.rotation, here.rotation, atol=1e-9)
    np.testing.assert_allclose(there.locations[bone_map["hips"][0]], here.locations[bone_map["hips"][0]])


def test_an_uneven_scale_is_made_up_for():
    rig, bone_map = figure(Build(arms_down=45, rolled=True, to_world=np.diag([1.0, 1.5, 0.8, 1])))
    fidelity = measure(take(), rig, bone_map, applied(retarget(take(), rig, bone_map), rig))
    assert fidelity.limb_direction_p99_deg < 0.01


def test_figures_face_and_stand_as_their_rigs_do():
    front, bone_map = figure(Build())
    side, _ = figure(Build(axes=Z_UP_FACING_X, unit=2.0))
    here = applied(retarget(take(), front, bone_map), front)
    there = applied(retarget(take(), side, bone_map), side)
    for slot in ("hand.L", "head", "foot.R"):
        expected = 2 * points(here, front, bone_map, slot) @ Z_UP_FACING_X.T
        np.testing.assert_allclose(points(there, side, bone_map, slot), expected, atol=1e-6)


def test_hips_move_in_proportion_to_the_legs():
    source = take()
    rig, bone_map = figure(Build())
    matrices = applied(retarget(source, rig, bone_map), rig)
    legs = np.array([[source.position[:, source.rig.index(f"b_{side}_upleg")] for side in "lr"]]).mean(
        axis=1
    )[0]
    hips = (points(matrices, rig, bone_map, "thigh.L") + points(matrices, rig, bone_map, "thigh.R")) / 2
    ratio = np.ptp(hips, axis=0) / np.ptp(legs, axis=0)
    np.testing.assert_allclose(ratio, 0.83 / 0.85, atol=0.02)


def test_a_take_may_begin_at_the_rest_pose_s_place():
    rig, bone_map = figure(Build())
    far = take()
    far = SourceMotion(
        far.rig, far.bone_map, far.rotation, far.position + np.array([5.0, -3.0, 0.0]), far.fps
    )
    motion = retarget(far, rig, bone_map, RetargetOptions(start_at_rest=True))
    hips = points(applied(motion, rig), rig, bone_map, "hips")
    np.testing.assert_allclose(hips[0, :2], rig.heads[rig.index(bone_map["hips"][0]), :2], atol=1e-9)


def test_roll_is_shared_out_among_twist_bones():
    build = Build(counts=TWISTS)
    rig, bone_map = figure(build)
    matrices = applied(retarget(take(), rig, bone_map), rig)
    turns = {
        name: quaternion_from_matrix(matrices[:, rig.index(name), :3, :3])
        for slot in ("forearm.L", "forearm_twist.L", "hand.L")
        for name in bone_map[slot]
    }
    first, *others = turns.values()
    axis = np.array([1.0, 0, 0])  # the arm's, in the T pose of this rig
    rolls = [
        np.ptp(roll_angle(quaternion_multiply(quaternion_conjugate(first), turn), axis)) for turn in others
    ]
    np.testing.assert_allclose(rolls[1], 2 * rolls[0], rtol=1e-3)
    assert rolls[1] > 0.3


def test_fewer_fingers_curl_as_the_missing_ones_do():
    source = take()
    rotation = source.rotation.copy()
    still = source.rig.rest_rotations
    for finger in ("index", "middle", "ring", "pinky"):
        for bone in source.bone_map[f"{finger}.L"]:
            joint, hand = source.rig.index(bone), source.rig.index("b_l_wrist")
            relative = quaternion_multiply(quaternion_conjugate(still[hand]), still[joint])
            rotation[:, joint] = quaternion_multiply(rotation[:, hand], relative)
    straight = SourceMotion(source.rig, source.bone_map, rotation, source.position, source.fps)
    rig, bone_map = figure(BUILDS["two fingers"])
    before, after = retarget(straight, rig, bone_map), retarget(source, rig, bone_map)
    finger = before.names.index(bone_map["index.L"][1])
    assert np.ptp(before.rotation[:, finger], axis=0).max() < 1e-9
    assert np.ptp(after.rotation[:, finger], axis=0).max() > 0.1


def test_feet_that_no_leg_carries_go_along():
    rig, bone_map = figure(Build())
    parents = rig.parents.copy()
    for side in "LR":
        parents[rig.index(bone_map[f"foot.{side}"][0])] = 0
    loose = Rig(rig.names, parents, rig.rest)
    tied, free = (applied(retarget(take(), each, bone_map), each) for each in (rig, loose))
    np.testing.assert_allclose(free, tied, atol=1e-6)
    assert detect(loose).bone_map["foot.L"] == () or detect(loose).humanoid


def test_controls_that_follow_others_are_led_by_them():
    """As on a control rig: the arm hangs on a helper that copies the clavicle from elsewhere in the tree."""
    rig, bone_map = figure(Build(helpers=True))
    helper = rig.index(f"between {bone_map['upper_arm.L'][0]}")
    parents = rig.parents.copy()
    parents[helper] = 0
    clavicle = rig.index(bone_map["clavicle.L"][0])
    control = Rig(rig.names, parents, rig.rest, follows={helper: clavicle})
    straight, led = (applied(retarget(take(), each, bone_map), each) for each in (rig, control))
    np.testing.assert_allclose(led, straight, atol=1e-9)


def test_hips_joined_to_the_root_move_with_it():
    rig, bone_map = figure(Build(rolled=True))
    joined = Rig(rig.names, rig.parents, rig.rest, joined=frozenset({rig.index(bone_map["hips"][0])}))
    motion = retarget(take(), joined, bone_map)
    assert list(motion.locations) == [bone_map["root"][0]]
    hips = (
        points(applied(each, rig), rig, bone_map, "hips")
        for each in (motion, retarget(take(), rig, bone_map))
    )
    np.testing.assert_allclose(*hips, atol=1e-9)


def test_bones_that_do_not_turn_with_their_parent():
    rig, bone_map = figure(Build())
    head = rig.index(bone_map["head"][0])
    free = Rig(rig.names, rig.parents, rig.rest, unturned=frozenset({head}))
    straight, led = (applied(retarget(take(), each, bone_map), each) for each in (rig, free))
    np.testing.assert_allclose(led, straight, atol=1e-9)


def test_a_rig_s_own_motion_goes_to_another_and_back():
    rig, bone_map = figure(Build(arms_down=45, rolled=True, unit=100))
    other, other_map = figure(Build(axes=Y_UP_FACING_Z))
    there = applied(retarget(take(), rig, bone_map), rig)
    capture = source_from_rig(rig, bone_map, there, 30)
    fidelity = measure(capture, other, other_map, applied(retarget(capture, other, other_map), other))
    assert fidelity.limb_direction_p99_deg < 0.01
    assert fidelity.hand_error_arm_fraction < 1e-6


def test_a_bvh_capture_is_a_source():
    rig, bone_map = figure(Build(axes=Y_UP_FACING_Z, unit=100))
    there = retarget(take(), rig, bone_map)
    offsets = rig.heads - np.where(rig.parents[:, None] < 0, 0, rig.heads[rig.parents])
    skeleton = Skeleton(rig.names, rig.parents, offsets, np.tile([0.0, 0, 0, 1], (len(rig), 1)))
    rotation, location = there.channels(rig)
    turned = quaternion_multiply(
        quaternion_multiply(rig.rest_rotations, rotation), quaternion_conjugate(rig.rest_rotations)
    )
    local = JointStates(offsets + rotate(rig.rest_rotations, location), turned, np.ones(turned.shape[:2]))
    motion = BVHMotion(skeleton, local, 1 / 30)
    capture = source_from_bvh(motion, bone_map)
    np.testing.assert_allclose(rig_from_bvh(motion).heads, rig.heads, atol=1e-9)
    np.testing.assert_allclose(capture.position, applied(there, rig)[..., :3, 3], atol=1e-4)


def test_a_bvh_whose_zero_pose_is_no_figure_rests_in_its_first_frame():
    rig, _ = figure(Build(axes=Y_UP_FACING_Z))
    axis = np.array([1.0, 0, 0])
    offsets = rig.heads - np.where(rig.parents[:, None] < 0, 0, rig.heads[rig.parents])
    along = np.linalg.norm(offsets, axis=1, keepdims=True) * axis
    skeleton = Skeleton(rig.names, rig.parents, along, np.tile([0.0, 0, 0, 1], (len(rig), 1)))
    still = JointStates(offsets[None], np.tile([0.0, 0, 0, 1], (1, len(rig), 1)), np.ones((1, len(rig))))
    assert detect(rig_from_bvh(BVHMotion(skeleton, still, 1 / 30))).humanoid


def sliding():
    """Stands and drifts with the whole body: feet that stand, and slide."""
    source = take()
    drift = np.zeros((len(source), 1, 3))
    drift[:, 0, 0] = 0.04 * np.sin(np.linspace(0, 2 * np.pi, len(source)))
    still = np.broadcast_to(source.rig.rest_rotations, source.rotation.shape)
    return SourceMotion(source.rig, source.bone_map, still, source.rig.heads + drift, source.fps)


@pytest.mark.parametrize("counts", [{}, {"toe": 0}], ids=["toes", "no toes"])
def test_hips_go_along_with_planted_feet(counts):
    rig, bone_map = figure(Build(counts, rolled=True))
    free, planted = (
        applied(retarget(sliding(), rig, bone_map, RetargetOptions(plant_feet=plant)), rig)
        for plant in (False, True)
    )
    assert measure(sliding(), rig, bone_map, free).foot_slide_cm > 3
    fidelity = measure(sliding(), rig, bone_map, planted)
    assert fidelity.foot_slide_cm < 0.1
    assert fidelity.limb_direction_p99_deg < 1


def turning():
    """Turns left and right as a whole on feet that stand, and slide round."""
    source = take()
    half = 0.05 * np.sin(np.linspace(0, 2 * np.pi, len(source)))
    yaw = np.stack([np.zeros_like(half), np.zeros_like(half), np.sin(half), np.cos(half)], axis=1)[:, None]
    rotation = quaternion_multiply(yaw, source.rig.rest_rotations)
    return SourceMotion(source.rig, source.bone_map, rotation, rotate(yaw, source.rig.heads), source.fps)


def wide():
    """A figure whose hips are as wide as its legs are long."""
    rig, bone_map = figure(Build())
    rest = rig.rest.copy()
    for slot in ("thigh", "shin", "foot", "toe"):
        rest[[rig.index(bone_map[f"{slot}.{side}"][0]) for side in "LR"], 0, 3] *= 4.5
    return Rig(rig.names, rig.parents, rest), bone_map


@pytest.mark.parametrize(("build", "pelvis"), [(wide, (0, 1)), (lambda: figure(Build()), (6, 11))])
def test_on_planted_feet_the_pelvis_of_wide_hips_turns_less_and_knees_keep_their_side(build, pelvis):
    rig, bone_map = build()
    motion = retarget(turning(), rig, bone_map, RetargetOptions(plant_feet=True))
    matrices = applied(motion, rig)
    fidelity = measure(turning(), rig, bone_map, matrices)
    assert fidelity.foot_slide_cm < 0.1
    assert fidelity.limb_direction_p99_deg < 6
    across = points(matrices, rig, bone_map, "thigh.L") - points(matrices, rig, bone_map, "thigh.R")
    yaw = np.degrees(np.arctan2(across[:, 1], across[:, 0]))
    assert pelvis[0] < np.ptp(yaw) < pelvis[1]
    shoulders = points(matrices, rig, bone_map, "upper_arm.L") - points(
        matrices, rig, bone_map, "upper_arm.R"
    )
    yaw = np.degrees(np.arctan2(shoulders[:, 1], shoulders[:, 0]))
    np.testing.assert_allclose(np.ptp(yaw), np.degrees(0.2), atol=0.1)
    hips, knee, ankle = (points(matrices, rig, bone_map, slot) for slot in ("thigh.L", "shin.L", "foot.L"))
    bend = knee - (hips + ankle) / 2
    forward = np.cross(across, [0.0, 0, 1.0])
    assert (np.sum(bend * forward, axis=1) > -1e-3).all() or (np.sum(bend * forward, axis=1) < 1e-3).all()


def test_a_limb_reaches_what_it_can():
    root, joint, end = (np.tile(point, (3, 1)) for point in ([0.0, 0, 1], [0.05, 0, 0.5], [0.0, 0, 0]))
    goal = np.array([[0.2, 0.1, 0.3], [0.0, 0, -5], [0, 0, 0]])
    result = reach(root, joint, end, goal, np.tile([1.0, 0, 0], (3, 1)))
    np.testing.assert_allclose(result.end[[0, 2]], goal[[0, 2]], atol=1e-9)
    np.testing.assert_allclose(result.end[1], [0, 0, -0.005], atol=1e-3)
    new_joint = root + rotate(result.upper, joint - root)
    np.testing.assert_allclose(new_joint + rotate(result.lower, end - joint), result.end, atol=1e-9)
    assert (new_joint[:2, 0] > 0).all()
    np.testing.assert_allclose(new_joint[2], joint[2], atol=1e-3)


def test_bad_motion_is_refused():
    source = take()
    rotation = source.rotation.copy()
    rotation[4, 7, 1] = np.nan
    with pytest.raises(MotionError, match="not a finite number"):
        SourceMotion(source.rig, source.bone_map, rotation, source.position, source.fps)
    with pytest.raises(MotionError, match="no frame"):
        SourceMotion(source.rig, source.bone_map, rotation[:0], source.position[:0], source.fps)


def test_maps_that_do_not_suffice_are_explained():
    rig, bone_map = figure(Build())
    headless = {slot: bones for slot, bones in bone_map.bones.items() if slot != "hips"}
    with pytest.raises(RigError, match="no hips"):
        retarget(take(), rig, BoneMap("x", headless))
    with pytest.raises(RigError, match="both legs or both arms"):
        retarget(take(), rig, BoneMap("x", {slot: bone_map[slot] for slot in ("hips", "spine", "head")}))
