"""BVH files lead back to the same joint positions, and damaged ones are told from good ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from kinematics.body import Body, load_default_body
from kinematics.bvh import BVHError, read_bvh, write_bvh
from kinematics.pose import global_states
from kinematics.rotations import quaternion_conjugate, quaternion_multiply
from kinematics.skeleton import Skeleton

SHARED_DATA = Path(__file__).parents[3] / "shared" / "data"
SMALL = """HIERARCHY
ROOT Hips
{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT Left Leg {
    OFFSET 10 -5 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    End Site
    {
      OFFSET 0 -40 0
    }
  }
}
MOTION
Frames: 2
Frame Time: 0.033333
1 90 2 90 0 0 0 0 0
1 91 2 0 0 0 0 0 -10
"""

STILL = "HIERARCHY\nROOT a\n{\nOFFSET 0 0 0\n}\nMOTION\nFrames: 999999999\nFrame Time: 1\n"
MANY = "HIERARCHY\nROOT a\n{" + "".join(f"\nJOINT a{joint} {{ }}" for joint in range(2001))
LONG = (
    "HIERARCHY\nROOT a\n{\nCHANNELS 1 Xposition\n"
    + "".join(f"JOINT a{joint} {{ }}\n" for joint in range(1000))
    + f"}}\nMOTION\nFrames: 40000\nFrame Time: 1\n{'0 ' * 40000}"
)


def take(frames=40):
    """A moving, turning, bending body with scales, and the poses of all joints."""
    body = load_default_body()
    body = Body("scaled", body.skeleton, body.transform, np.array([0.1, 0.2, -0.1, 0, 0.1, 0]), body.mesh)
    time = np.linspace(0, 1, frames)[:, None]
    pose = np.random.default_rng(5).uniform(-1, 1, 104) * np.sin(7 * time)
    pose[:, 3] += 9 * time[:, 0]
    return body, body.global_states(pose), body.global_states(np.zeros(104))


@pytest.mark.parametrize(
    ("unit", "order", "fps"), [("cm", "ZXY", 30), ("m", "XYZ", 23.976), ("cm", "YZX", 120)]
)
def test_round_trip(tmp_path, unit, order, fps):
    body, states, rest = take()
    path = tmp_path / "take.bvh"
    write_bvh(path, body.skeleton, states, rest, fps, unit=unit, order=order)
    assert [file.name for file in tmp_path.iterdir()] == ["take.bvh"]
    motion = read_bvh(path, unit=unit)
    assert 1 / motion.frame_time == pytest.approx(fps, rel=1e-12)
    found = global_states(motion.skeleton, motion.local)
    joints = [motion.skeleton.index(name) for name in body.skeleton.names]
    np.testing.assert_allclose(found.translation[:, joints], states.translation, atol=1e-4)
    turns = quaternion_multiply(states.rotation, quaternion_conjugate(rest.rotation))
    np.testing.assert_allclose(np.abs(np.sum(found.rotation[:, joints] * turns, axis=-1)), 1, atol=1e-6)


def test_angles_do_not_jump(tmp_path):
    """The root turns by more than a whole turn while it tilts; no curve may leap at +-180 degrees."""
    body, states, rest = take(200)
    write_bvh(tmp_path / "take.bvh", body.skeleton, states, rest, 30)
    rows = np.loadtxt((tmp_path / "take.bvh").read_text().partition("Frame Time")[2].splitlines()[1:])
    assert np.abs(np.diff(rows, axis=0)).max() < 45


def test_small_file(tmp_path):
    path = tmp_path / "small.bvh"
    path.write_text(SMALL)
    motion = read_bvh(path)
    assert motion.skeleton.names == ("Hips", "Left Leg")
    assert motion.fps == 30
    states = global_states(motion.skeleton, motion.local)
    np.testing.assert_allclose(states.translation[:, 1], [[6, 100, 2], [11, 86, 2]], atol=1e-12)
    assert read_bvh(path, unit="m").skeleton.offsets[1, 0] == 1000


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("1 91 2 0 0 0 0 0 -10\n", "1 91 2 0 0 0 0 0\n", "announces 2 frames of 9 values but holds 17"),
        ("1 91", "nan 91", "not finite"),
        ("1 91", "one 91", "not a number"),
        ("MOTION", "", "did not expect 'Frames:"),
        ("    OFFSET 10 -5 0", "    OFFSET 10 -5", "line 7: expected OFFSET"),
        ("CHANNELS 3 Z", "CHANNELS 4 Z", "line 8: expected CHANNELS"),
        ("Left Leg {", "Hips {", "joint names repeat"),
        ("ROOT Hips", "JOINT Hips", "line 2: did not expect 'JOINT Hips'"),
        ("Frame Time: 0.033333", "Frame Time: 0", "frame time 0"),
        ("Frame Time: 0.033333", "Frame Time: 1e-320", "frame time 1e-320"),
        ("Frames: 2", f"Frames: {'9' * 5000}", "needs 'Frames: N'"),
        (SMALL, STILL, "no channels"),
        (SMALL, MANY, "line 2003: more than 2000 joints"),
        (SMALL, LONG, "longer than can be read"),
        (SMALL, "solid cube", "did not expect 'solid cube'"),
        (SMALL, "", "no MOTION"),
    ],
)
def test_damaged_files(tmp_path, old, new, message):
    path = tmp_path / "damaged.bvh"
    path.write_text(SMALL.replace(old, new, 1))
    with pytest.raises(BVHError, match=message):
        read_bvh(path)


def test_one_root_only(tmp_path):
    _, states, rest = take(2)
    roots = Skeleton(("a", "b"), np.array([-1, -1]), np.zeros((2, 3)), np.tile([0, 0, 0, 1.0], (2, 1)))
    with pytest.raises(ValueError, match="one root"):
        write_bvh(tmp_path / "two.bvh", roots, states, rest, 30)


@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason=f"the shared motions are not at {SHARED_DATA}")
def test_files_of_others():
    cmu = read_bvh(SHARED_DATA / "motion" / "cmu_01_01.bvh")
    assert (len(cmu.skeleton), len(cmu.local.scale), cmu.fps) == (31, 2752, 120)
    heights = global_states(cmu.skeleton, cmu.local).translation[0, :, 1]
    assert cmu.skeleton.names[int(heights.argmax())] in ("Head", "Neck1")
    with pytest.raises(BVHError, match="announces 10 frames"):
        read_bvh(SHARED_DATA / "bad" / "bvh_frames_missing.bvh")
