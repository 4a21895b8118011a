"""`a2p retarget` and `a2p export`: files in, files out, through a Blender of their own."""

from __future__ import annotations

import json
import re
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from a2p_backend.avatar.contact_sheet import read_picture
from a2p_backend.cli import app
from a2p_backend.wire.performance import Performance, load_take, save_take
from kinematics.body import load_default_body
from kinematics.bvh import read_bvh, write_bvh
from kinematics.stage import place_on_stage
from tests.curves.gltf_motion import node_matrices

pytestmark = [
    pytest.mark.bpy,
    pytest.mark.skipif(find_spec("bpy") is None, reason="bpy is not installed: pip install '.[blender]'"),
]


@pytest.fixture
def take(tmp_path: Path) -> Path:
    """A second of swaying."""
    pose = 0.1 * np.sin(np.linspace(0, 6, 30)[:, None] + np.arange(104)).astype(np.float32)
    face = np.zeros((30, 256), np.float32)
    path = tmp_path / "take.npz"
    save_take(Performance(pose, face, pose[::30], "default", 1, "clip.wav", "00"), path)
    return path


@pytest.fixture
def character(tmp_path: Path) -> Path:
    """The default actor's skeleton at rest, as a BVH file of another frame rate than the take's."""
    body, path = load_default_body(), tmp_path / "character.bvh"
    pose = place_on_stage(body, np.zeros((2, 104)))
    write_bvh(path, body.skeleton, body.global_states(pose), body.global_states(pose[0]), 24.0)
    return path


def test_a_take_is_copied_measured_and_exported(take: Path, character: Path, tmp_path: Path) -> None:
    blend = tmp_path / "hero.blend"
    arguments = ["--source", str(take), "--rig", str(character), "-o", str(blend), "--report", "--json"]
    run = CliRunner().invoke(app, ["retarget", *arguments])
    assert run.exit_code == 0, run.output
    report = json.loads(run.stdout)
    assert report["limb_direction_mean_deg"] < 2
    assert report["limb_direction_p99_deg"] < 6
    assert report["hand_error_arm_fraction"] < 0.05
    assert report["foot_slide_cm"] < 1
    assert report["max_step_deg"] < 60
    assert (report["fps"], report["frames"]) == (30, 30)
    assert blend.stat().st_size > 0

    out = tmp_path / "out"
    run = CliRunner().invoke(
        app, ["export", str(take), "--rig", str(character), "--to", "bvh,glb", "--fps", "60", "-o", str(out)]
    )
    assert run.exit_code == 0, run.output
    assert sorted(path.name for path in out.iterdir()) == ["take character.bvh", "take character.glb"]
    motion = read_bvh(out / "take character.bvh")
    assert (motion.fps, len(motion.local.scale)) == (60.0, 59)


def test_a_sheet_shows_source_and_rig(take: Path, character: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    run = CliRunner().invoke(
        app, ["retarget", "--source", str(take), "--rig", str(character), "--sheet", str(sheet)]
    )
    assert run.exit_code == 0, run.output
    picture = read_picture(sheet)
    gap, rows = 6, 3
    height, width = (picture.shape[0] - gap) // rows - gap, (picture.shape[1] - gap) // 2 - gap
    cells = [
        picture[top : top + height, left : left + width]
        for top in range(gap, picture.shape[0], height + gap)
        for left in range(gap, picture.shape[1], width + gap)
    ]
    assert len(cells) == 6
    for cell in cells:
        source, rig, *_ = np.split(cell.astype(int), 4, axis=1)
        # Figures of one skeleton, from one side, in colours that neither floor nor backdrop has.
        for side in (source, rig):
            assert 0.002 < np.mean(np.ptp(side, axis=2) > 60) < 0.2
        assert np.mean(np.abs(source - rig).max(axis=2) > 60) < 0.02
    before = picture.tobytes()
    run = CliRunner().invoke(
        app, ["retarget", "--source", str(take), "--rig", str(character), "--sheet", str(sheet) + ".jpg"]
    )
    assert (run.exit_code, "ends in .png" in run.output.replace("\n", " ")) == (2, True)
    assert read_picture(sheet).tobytes() == before


def test_an_export_of_fewer_keys_differs_by_no_more_than_was_allowed(
    take: Path, character: Path, tmp_path: Path
) -> None:
    times = np.arange(load_take(take).frame_count) / 30.0
    wrists = []
    for name, options in (("dense", []), ("simple", ["--simplify", "1.5", "--hand-error", "8"])):
        out = tmp_path / name
        run = CliRunner().invoke(
            app, ["export", str(take), "--rig", str(character), "--to", "glb", "-o", str(out), *options]
        )
        assert run.exit_code == 0, run.output
        said = run.output.replace("\n", " ")
        assert ("keys became" in said) == bool(options)
        if options:
            before, after = map(int, re.search(r"(\d+) keys became (\d+)", said).groups())
            assert after < 0.7 * before
        found = node_matrices((out / "take character.glb").read_bytes(), times)
        wrists.append(found["b_l_wrist"][:, :3, 3])
    apart = 1000 * np.linalg.norm(wrists[0] - wrists[1], axis=1).max()  # millimetres
    assert 0.05 < apart < 8.1
    run = CliRunner().invoke(app, ["export", str(take), "--rig", str(character), "--simplify", "1"])
    assert (run.exit_code, "--simplify is for glTF" in run.output.replace("\n", " ")) == (2, True)


def test_what_cannot_be_done_is_one_sentence(take: Path, character: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.glb"
    cut.write_bytes(b"glTF\x02\0\0\0\xff\xff\0\0")
    before = set(tmp_path.iterdir())
    for arguments, said in (
        (["retarget", "--source", str(take), "--rig", str(cut), "--report"], "cut.glb cannot be read"),
        (["retarget", "--source", str(take), "--rig", str(character)], "Say what to do"),
        (["retarget", "--source", "nowhere.npz", "--rig", str(character), "--report"], "There is no file"),
        (["export", str(take), "--rig", str(character), "--to", "obj"], "--to is 'obj'"),
        (["export", str(take), "--rig", str(character), "--simplify", "0"], "error to simplify to must be"),
        (["export", str(take), "--rig", str(character), "--preset", "maya"], "preset is 'maya'"),
        (["export", str(take), "--rig", str(character), "--root-motion", "feet"], "root-motion is 'feet'"),
    ):
        run = CliRunner().invoke(app, arguments)
        assert run.exit_code == 2
        assert said in run.output.replace("\n", " ")
        assert set(tmp_path.iterdir()) == before
