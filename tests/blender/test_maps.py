from __future__ import annotations

from pathlib import Path

import pytest

bpy = pytest.importorskip("bpy")

from blender_addon.scene.performance import Placement, place_performance  # noqa: E402
from kinematics.body import load_default_body  # noqa: E402
from kinematics.retarget.maps import read_map  # noqa: E402
from tests.blender.performances import random_performance  # noqa: E402

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
    assert settings.slots["head"].bones == "b_head"
    settings.slots["jaw"].bones = ""
    path = tmp_path / "mine.json"
    assert bpy.ops.a2p.save_edited_map(filepath=str(path)) == {"FINISHED"}
    assert "jaw" not in read_map(path).slots
    settings.slots["head"].bones = "somebody's head"
    with pytest.raises(RuntimeError, match="no such bone"):
        bpy.ops.a2p.save_edited_map(filepath=str(tmp_path / "wrong.json"))
    assert not (tmp_path / "wrong.json").exists()
    assert bpy.ops.a2p.load_map(filepath=str(path)) == {"FINISHED"}
    assert (settings.slots["head"].bones, settings.slots["jaw"].bones) == ("b_head", "")
