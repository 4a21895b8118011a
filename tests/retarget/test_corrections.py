"""What a map corrects about the copy of single joints."""

from __future__ import annotations

import json

import numpy as np
import pytest

from kinematics.retarget.corrections import Correction, CorrectionError
from kinematics.retarget.detection import detect
from kinematics.retarget.fidelity import measure
from kinematics.retarget.maps import BoneMap, MapError, known_family, read_map, save_map
from kinematics.retarget.options import RetargetOptions
from kinematics.retarget.rig import Rig, pose_matrices
from kinematics.retarget.solver import retarget
from kinematics.rotations import (
    quaternion_conjugate,
    quaternion_from_euler_xyz,
    quaternion_from_matrix,
    quaternion_multiply,
)
from tests.retarget.figures import Build, figure, named_figure, talk

TAKE = talk(40)


def posed(rig, bone_map, corrections, options=None):
    """Matrices (T, J, 4, 4), and the keyed turns (T, J, 4) of all bones."""
    motion = retarget(TAKE, rig, BoneMap("corrected", bone_map.bones, corrections), options)
    rotation, location = motion.channels(rig)
    return pose_matrices(rig, rotation, location), rotation


def angles(a, b):
    """Degrees between turns (T, 4)."""
    change = quaternion_multiply(a, quaternion_conjugate(b))
    return 2 * np.degrees(np.arctan2(np.linalg.norm(change[..., :3], axis=-1), np.abs(change[..., 3])))


def turns(matrices, rig, name):
    return quaternion_from_matrix(matrices[:, rig.index(name), :3, :3])


@pytest.mark.parametrize("slot", ["upper_arm.L", "hips", "head", "thigh.R", "index.L"])
def test_an_offset_is_what_turning_the_bone_by_hand_does(slot):
    rig, bone_map = figure(Build(arms_down=40, rolled=True, counts={"forearm_twist": 2}))
    offset = (20.0, -35.0, 10.0)
    _, plain = posed(rig, bone_map, {})
    _, corrected = posed(rig, bone_map, {slot: Correction(offset=offset)})
    by_hand = quaternion_from_euler_xyz(np.radians(offset))
    for name in bone_map["index.L"] + bone_map["forearm.L"] + bone_map["head"] + bone_map[slot]:
        bone = rig.index(name)
        turn = quaternion_multiply(plain[:, bone], by_hand) if name in bone_map[slot] else plain[:, bone]
        np.testing.assert_allclose(angles(corrected[:, bone], turn), 0, atol=1e-4, err_msg=name)


@pytest.mark.parametrize("influence", [0.0, 0.4])
def test_a_joint_follows_as_far_as_it_is_told_and_the_others_as_before(influence):
    rig, bone_map = figure(Build(arms_down=40, rolled=True))
    plain, keys = posed(rig, bone_map, {})
    followed, weak_keys = posed(rig, bone_map, {"clavicle.L": Correction(influence=influence)})
    clavicle = rig.index(bone_map["clavicle.L"][0])
    still = np.array([0.0, 0, 0, 1])
    np.testing.assert_allclose(
        angles(weak_keys[:, clavicle], still), influence * angles(keys[:, clavicle], still), atol=1e-3
    )
    for slot in ("upper_arm.L", "forearm.L", "hand.L", "head", "clavicle.R"):
        name = bone_map[slot][0]
        np.testing.assert_allclose(angles(turns(followed, rig, name), turns(plain, rig, name)), 0, atol=1e-4)


def test_a_chain_follows_as_one_and_its_parts_stay_on_it():
    rig, bone_map = figure(Build(rolled=True))
    _, keys = posed(rig, bone_map, {})
    _, weak = posed(rig, bone_map, {"hand.L": Correction(influence=0), "index.L": Correction(influence=0.5)})
    still = np.array([0.0, 0, 0, 1])
    np.testing.assert_allclose(weak[:, rig.index(bone_map["hand.L"][0])], np.tile(still, (40, 1)), atol=1e-9)
    thumb = rig.index(bone_map["thumb.L"][0])
    np.testing.assert_allclose(angles(weak[:, thumb], keys[:, thumb]), 0, atol=1e-4)
    matrices, whole = (posed(rig, bone_map, {"index.L": Correction(influence=part)})[0] for part in (0.5, 1))
    tip, hand = bone_map["index.L"][-1], bone_map["hand.L"][0]
    curls = [
        angles(
            quaternion_multiply(quaternion_conjugate(turns(each, rig, hand)), turns(each, rig, tip)),
            quaternion_multiply(
                quaternion_conjugate(rig.rest_rotations[rig.index(hand)]), rig.rest_rotations[rig.index(tip)]
            ),
        )
        for each in (matrices, whole)
    ]
    np.testing.assert_allclose(curls[0], curls[1] / 2, atol=1e-3)


def test_hands_that_reach_and_feet_that_stand_leave_corrections():
    rig, bone_map = figure(Build(arms_down=40))
    options = RetargetOptions(plant_feet=True, reach_hands=True)
    corrections = {"upper_arm.L": Correction(offset=(0, 0, 15))}
    _, plain = posed(rig, bone_map, {}, options)
    _, corrected = posed(rig, bone_map, corrections, options)
    arm = rig.index(bone_map["upper_arm.L"][0])
    np.testing.assert_allclose(angles(plain[:, arm], corrected[:, arm]), 15, atol=1e-4)
    wide = {f"thigh.{side}": Correction(offset=(0, 5, 0)) for side in "LR"}
    matrices, _ = posed(rig, bone_map, wide, options)
    assert measure(TAKE, rig, bone_map, matrices).foot_slide_cm < 1


def test_hips_that_tilt_keep_the_legs_in_their_place():
    rig, bone_map = figure(Build())
    plain, _ = posed(rig, bone_map, {})
    tilted, _ = posed(rig, bone_map, {"hips": Correction(influence=0.5)})
    middles = [
        sum(each[:, rig.index(bone_map[f"thigh.{side}"][0]), :3, 3] for side in "LR") / 2
        for each in (plain, tilted)
    ]
    np.testing.assert_allclose(np.ptp(middles[0] - middles[1], axis=0), 0, atol=1e-9)


def test_bones_that_do_not_turn_with_their_parent_do_not_turn_with_its_offset():
    rig, bone_map = figure(Build())
    head = rig.index(bone_map["head"][0])
    free = Rig(rig.names, rig.parents, rig.rest, unturned=frozenset({head}))
    lean = {"neck": Correction(offset=(0, 0, 30))}
    straight, leant = (posed(free, bone_map, corrections)[0] for corrections in ({}, lean))
    np.testing.assert_allclose(
        angles(turns(straight, rig, rig.names[head]), turns(leant, rig, rig.names[head])), 0, atol=1e-4
    )


def test_corrections_survive_saving_and_are_found_with_the_map(tmp_path):
    rig, truth = named_figure(known_family("mixamo"))
    corrections = {
        "upper_arm.L": Correction((0.0, 0.0, 12.5), 0.75),
        "spine": Correction(influence=0),
        "head": Correction(),
    }
    path = tmp_path / "mine.json"
    save_map(path, BoneMap("mine", truth.bones, corrections))
    kept = {slot: corrections[slot] for slot in ("upper_arm.L", "spine")}
    assert read_map(path).corrections == kept
    assert detect(rig, [read_map(path)]).bone_map.corrections == kept
    save_map(path, truth)
    assert "corrections" not in json.loads(path.read_text())
    path.write_text(json.dumps({"bones": {"hips": "Hips"}, "corrections": {"hand": {"influence": 0.5}}}))
    assert read_map(path).corrections == {f"hand.{side}": Correction(influence=0.5) for side in "LR"}


@pytest.mark.parametrize(
    ("corrections", "words"),
    [
        ([], "no object of slots"),
        ({"tail": {}}, "'tail', which is none"),
        ({"head": 3}, "'head' with 3"),
        ({"head": {"offset": [0, 1]}}, "'head': an offset is three angles"),
        ({"head": {"offset": [0, 0, 181]}}, "'head': an offset is three angles"),
        ({"head": {"offset": [0, 0, float("nan")]}}, "'head': an offset is three angles"),
        ({"head": {"offset": "abc"}}, "corrects 'head' with"),
        ({"head": {"influence": 1.5}}, "'head': an influence lies between 0 and 1"),
        ({"head": {"influence": "much"}}, "corrects 'head' with"),
        ({"head": {"scale": 2}}, "the scale of 'head'"),
    ],
)
def test_bad_corrections_are_explained(tmp_path, corrections, words):
    path = tmp_path / "bad.json"
    path.write_text(json.dumps({"bones": {"hips": "Hips"}, "corrections": corrections}))
    with pytest.raises(MapError, match=words) as caught:
        read_map(path)
    assert str(caught.value).count(". ") == 0
    with pytest.raises(CorrectionError):
        Correction(influence=float("inf"))
