from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from blender_addon.scene.performance import Placement, place_performance  # noqa: E402
from kinematics.body import load_default_body  # noqa: E402
from kinematics.retarget.corrections import Correction  # noqa: E402
from kinematics.retarget.maps import read_map  # noqa: E402
from tests.blender.performances import bone_matrices, random_performance  # noqa: E402
from tests.blender.snapshots import differences, snapshot  # noqa: E402

pytestmark = [pytest.mark.bpy, pytest.mark.usefixtures("addon")]


@pytest.fixture
def character(clip: Path) -> bpy.types.Object:
    """An armature to map: the default body's own, which plays nothing, beside one that plays a take."""
    scene, body = bpy.context.scene, load_default_body()
    character = place_performance(scene, body, random_performance(2), clip, Placement(with_mesh=False))
    character.name = "Character"
    character.animation_data_clear()
    place_performance(scene, body, random_performance(2), clip, Placement(with_mesh=False))
    return character


def test_a_map_is_detected_edited_saved_and_loaded(character: bpy.types.Object, tmp_path: Path) -> None:
    settings = bpy.context.scene.a2p.rig
    settings.target = "Character"
    assert bpy.ops.a2p.detect_rig() == {"FINISHED"}
    assert settings.joints["head"].bones == "b_head"
    settings.joints["jaw"].bones = ""
    path = tmp_path / "mine.json"
    assert bpy.ops.a2p.save_edited_map(filepath=str(path)) == {"FINISHED"}
    assert "jaw" not in read_map(path).slots
    settings.joints["head"].bones = "somebody's head"
    with pytest.raises(RuntimeError, match="no such bone"):
        bpy.ops.a2p.save_edited_map(filepath=str(tmp_path / "wrong.json"))
    assert not (tmp_path / "wrong.json").exists()
    assert bpy.ops.a2p.load_map(filepath=str(path)) == {"FINISHED"}
    assert (settings.joints["head"].bones, settings.joints["jaw"].bones) == ("b_head", "")


def test_corrections_are_kept_in_the_file_and_shared(character: bpy.types.Object, tmp_path: Path) -> None:
    settings = bpy.context.scene.a2p.rig
    settings.target = "Character"
    bpy.ops.a2p.detect_rig()
    hand, spine = settings.joints["hand.L"], settings.joints["spine"]
    hand.offset = [math.radians(angle) for angle in (10.0, 0.0, -7.25)]
    spine.influence = 0.8
    path = tmp_path / "mine.json"
    bpy.ops.a2p.save_edited_map(filepath=str(path))
    expected = {"hand.L": Correction((10.0, 0.0, -7.25)), "spine": Correction(influence=0.8)}
    assert read_map(path).corrections == expected

    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    settings = bpy.context.scene.a2p.rig
    assert settings.to_bone_map().corrections == expected
    bpy.ops.a2p.detect_rig()
    assert settings.to_bone_map().corrections == {}
    bpy.ops.a2p.load_map(filepath=str(path))
    assert settings.to_bone_map().corrections == expected

    settings.joint = settings.joints.find("spine")
    assert bpy.ops.a2p.clear_correction() == {"FINISHED"}
    assert settings.to_bone_map().corrections == {"hand.L": expected["hand.L"]}
    assert not bpy.ops.a2p.clear_correction.poll()


def test_the_map_as_it_is_shown_is_what_retarget_uses(character: bpy.types.Object) -> None:
    settings = bpy.context.scene.a2p.rig
    settings.target = "Character"
    bpy.ops.a2p.detect_rig()
    settings.joints["head"].offset = (0.0, math.radians(20.0), 0.0)

    def head(edited: bool) -> np.ndarray:
        assert bpy.ops.a2p.retarget(target="Character", edited_map=edited) == {"FINISHED"}
        bpy.context.scene.frame_set(1)
        return bone_matrices(character, ("b_head",))[0, :3, :3]

    turn = np.linalg.inv(head(False)) @ head(True)
    angle = math.radians(20.0)
    about_y = [[math.cos(angle), 0, math.sin(angle)], [0, 1, 0], [-math.sin(angle), 0, math.cos(angle)]]
    np.testing.assert_allclose(turn, about_y, atol=1e-5)

    settings.target = "A2P default"  # another rig's: the map that is shown is not for it
    assert not settings.shows(settings.target)
    assert not bpy.ops.a2p.save_edited_map.poll()


def test_editing_the_map_is_undone_and_redone(character: bpy.types.Object) -> None:
    bpy.context.scene.a2p.rig.target = "Character"
    bpy.ops.a2p.detect_rig()
    bpy.ops.ed.undo_push(message="Detect Rig")
    before = snapshot()
    joint = bpy.context.scene.a2p.rig.joints["hand.L"]
    joint.offset, joint.influence, joint.bones = (0.1, 0.2, 0.3), 0.25, "b_l_wrist"
    bpy.ops.ed.undo_push(message="Offset")
    after = snapshot()
    assert differences(before, after)
    bpy.ops.ed.undo()
    assert differences(before, snapshot()) == []
    bpy.ops.ed.redo()
    assert differences(after, snapshot()) == []
