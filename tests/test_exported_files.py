"""Exported files as programs other than Blender read them.

Each reader that is not installed is skipped: pip install bvh bvhio usd-core pymomentum-cpu (Python 3.13), and
npm install gltf-validator in a folder that NODE_PATH names.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from a2p_backend.wire.performance import Performance, save_take
from kinematics.body import load_default_body
from kinematics.bvh import read_bvh, write_bvh
from kinematics.pose import global_states
from kinematics.stage import place_on_stage

pytestmark = [
    pytest.mark.bpy,
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("bpy") is None, reason="bpy is not installed: pip install '.[blender]'"),
]
FRAMES = 12


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """hero.fbx, hero.bvh, hero.glb and hero.usdc in a folder: a take on the default actor's skeleton.

    few.glb is the same with few keys.
    """
    folder, body = tmp_path_factory.mktemp("exported"), load_default_body()
    rest = place_on_stage(body, np.zeros((2, 104)))
    write_bvh(folder / "rig.bvh", body.skeleton, body.global_states(rest), body.global_states(rest[0]), 30.0)
    pose = 0.1 * np.sin(np.linspace(0, 6, FRAMES)[:, None] + np.arange(104)).astype(np.float32)
    face = np.zeros((FRAMES, 256), np.float32)
    save_take(Performance(pose, face, pose[:1], "default", 1, "clip.wav", "00"), folder / "take.npz")
    np.savez(folder / "body.npz", **body.to_arrays())
    job = {
        "source": str(folder / "take.npz"),
        "body": str(folder / "body.npz"),
        "rig": str(folder / "rig.bvh"),
        "exports": [str(folder / f"hero{ending}") for ending in (".fbx", ".bvh", ".glb", ".usdc")],
    }
    sparse = {"rotation": 0.01, "hand": 0.002}
    for one in (job, job | {"exports": [str(folder / "few.glb")], "simplify": sparse}):
        (folder / "job.json").write_text(json.dumps(one))
        command = [sys.executable, "-m", "blender_addon.headless", str(folder / "job.json")]
        subprocess.run(command, check=True, timeout=240, cwd=Path(__file__).parents[1])
    return folder


@pytest.fixture(scope="module")
def expected(exported: Path) -> dict[str, np.ndarray]:
    """Joint paths (T, 3) in centimetres, Y up, by this project's own reader."""
    motion = read_bvh(exported / "hero.bvh")
    states = global_states(motion.skeleton, motion.local)
    return {name: states.translation[:, joint] for joint, name in enumerate(motion.skeleton.names)}


@pytest.mark.parametrize("name", ["hero.glb", "few.glb"])
def test_the_khronos_validator_finds_no_error(exported: Path, name: str) -> None:
    modules = os.environ.get("NODE_PATH", "")
    if shutil.which("node") is None or not (Path(modules) / "gltf-validator").is_dir():
        pytest.skip("gltf-validator is not installed: npm install gltf-validator, and set NODE_PATH")
    code = (
        "require('gltf-validator').validateBytes(new Uint8Array(require('fs').readFileSync(process.argv[1])))"
        ".then(r => console.log(JSON.stringify(r.issues)))"
    )
    run = subprocess.run(
        ["node", "-e", code, str(exported / name)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert json.loads(run.stdout)["numErrors"] == 0, run.stdout


def test_two_bvh_readers_agree(exported: Path, expected: dict[str, np.ndarray]) -> None:
    bvh, bvhio = pytest.importorskip("bvh"), pytest.importorskip("bvhio")
    text = bvh.Bvh((exported / "hero.bvh").read_text())
    assert (text.nframes, set(text.get_joints_names())) == (FRAMES, set(expected))
    hierarchy = bvhio.readAsHierarchy(str(exported / "hero.bvh"))
    for frame in (0, FRAMES - 1):
        hierarchy.loadPose(frame)
        for joint, _, _ in hierarchy.layout():
            np.testing.assert_allclose(joint.PositionWorld, expected[joint.Name][frame], atol=0.1)


def test_momentum_sees_the_same_joints(exported: Path, expected: dict[str, np.ndarray]) -> None:
    geometry = pytest.importorskip("pymomentum.geometry")
    # Not few.glb: this reader takes no file whose joints have keys at times of their own.
    character, states, *_ = geometry.Character.load_gltf_with_skel_states(str(exported / "hero.glb"))
    found = dict(zip(character.skeleton.joint_names, np.moveaxis(np.asarray(states), 1, 0), strict=True))
    assert set(expected) <= set(found)
    for name, path in expected.items():
        np.testing.assert_allclose(found[name][:, :3], path, atol=0.1)


def test_momentum_sees_the_same_joints_in_fbx(exported: Path, expected: dict[str, np.ndarray]) -> None:
    geometry = pytest.importorskip("pymomentum.geometry")
    character, motions, fps = geometry.Character.load_fbx_with_motion(str(exported / "hero.fbx"))
    assert (len(motions), round(fps), len(motions[0])) == (1, 30, FRAMES)
    states = np.asarray(geometry.joint_parameters_to_skeleton_state(character, motions[0]))
    found = dict(zip(character.skeleton.joint_names, np.moveaxis(states, 1, 0), strict=True))
    assert set(expected) <= set(found)
    for name, path in expected.items():
        # Momentum reads joints alone: they stand in Blender's axes, and the node above them turns Z to Y.
        x, y, z = found[name][:, :3].T
        np.testing.assert_allclose(np.stack([x, z, -y], axis=1), path, atol=0.1)


def test_usd_is_valid(exported: Path) -> None:
    usd = pytest.importorskip("pxr.Usd")
    validation = pytest.importorskip("pxr.UsdValidation")
    stage = usd.Stage.Open(str(exported / "hero.usdc"))
    assert any(prim.GetTypeName() == "SkelAnimation" for prim in stage.Traverse())
    validators = validation.ValidationRegistry().GetOrLoadAllValidators()
    errors = [error.GetMessage() for error in validation.ValidationContext(validators).Validate(stage)]
    # Blender writes a skeleton that moves no skin, as here, without a SkelRoot above it.
    assert all("not rooted at a prim of type SkelRoot" in error for error in errors), errors
