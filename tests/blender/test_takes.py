from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from a2p_backend.wire.performance import Performance, load_take, save_take  # noqa: E402
from blender_addon.scene import takes  # noqa: E402
from blender_addon.scene.performance import Placement, place_performance  # noqa: E402
from kinematics.body import load_default_body  # noqa: E402
from tests.blender.performances import counts, random_performance  # noqa: E402

pytestmark = [pytest.mark.bpy, pytest.mark.usefixtures("addon")]

PLACEMENT = Placement(with_mesh=False, reuse_rig=True)


@pytest.fixture
def rig(clip: Path) -> bpy.types.Object:
    """A rig with the takes of seeds 1 and 2, of which it plays the second."""
    for seed in (1, 2):
        rig = place_performance(
            bpy.context.scene, load_default_body(), random_performance(4, seed), clip, PLACEMENT
        )
    return rig


def playing(rig: bpy.types.Object) -> str:
    return rig.animation_data.action.name


def root_place(rig: bpy.types.Object) -> list[float]:
    bpy.context.view_layer.update()
    bpy.context.scene.frame_set(2)
    return list(rig.pose.bones["b_root"].location)


def test_takes_of_one_person_share_a_rig(rig: bpy.types.Object) -> None:
    assert [member.type for member in bpy.context.scene.objects].count("ARMATURE") == 1
    assert playing(rig) == "a clip seed 2"


def test_a_click_in_the_list_plays_the_take_at_once(rig: bpy.types.Object) -> None:
    settings = bpy.context.scene.a2p.takes
    second = root_place(rig)
    assert bpy.data.actions[settings.index].name == "a clip seed 2"
    settings.index = bpy.data.actions.find("a clip seed 1")
    assert playing(rig) == "a clip seed 1"
    assert not np.allclose(root_place(rig), second)
    for expected in ("a clip seed 2", "a clip seed 1"):
        assert bpy.ops.a2p.compare_takes() == {"FINISHED"}
        assert playing(rig) == expected


def test_takes_survive_saving_renaming_and_loading(rig: bpy.types.Object, tmp_path: Path) -> None:
    bpy.data.actions["a clip seed 1"].a2p.star = True
    assert takes.distinction(bpy.data.actions["a clip seed 1"]) == "1"
    bpy.data.actions["a clip seed 1"].name = "the calm one"
    assert takes.distinction(bpy.data.actions["the calm one"]) == ""
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "file.blend"))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "file.blend"))
    assert [action.name for action in takes.starred()] == ["the calm one"]
    assert bpy.ops.a2p.audition(take="the calm one") == {"FINISHED"}
    assert bpy.ops.a2p.export_take(filepath=str(tmp_path / "kept.npz")) == {"FINISHED"}
    np.testing.assert_array_equal(load_take(tmp_path / "kept.npz").pose, random_performance(4, 1).pose)


def test_a_take_of_hours_is_refused_with_a_way_to_a_part_of_it(tmp_path: Path) -> None:
    long, bones = tmp_path / "long.npz", np.zeros((18_001, 104), np.float32)
    save_take(Performance(bones, np.zeros((18_001, 256), np.float32), bones[:0], "default", 0, "", ""), long)
    with pytest.raises(RuntimeError, match=r"lasts 10 minutes.*a2p convert long.npz --seconds 0:600"):
        bpy.ops.a2p.import_take(filepath=str(long))
    assert not bpy.data.actions


def test_a_deleted_take_leaves_the_rig_another_and_undo_brings_it_back(rig: bpy.types.Object) -> None:
    bpy.ops.ed.undo_push(message="two takes")
    assert bpy.ops.a2p.delete_take() == {"FINISHED"}
    assert playing(rig) == "a clip seed 1"
    assert "a clip seed 2" not in bpy.data.actions
    bpy.ops.ed.undo_push(message="deleted")
    bpy.ops.ed.undo()
    assert playing(bpy.data.objects["A2P default"]) == "a clip seed 2"


def test_what_is_no_take_is_named(rig: bpy.types.Object) -> None:
    with pytest.raises(RuntimeError, match="no take called nothing"):
        bpy.ops.a2p.audition(take="nothing")


def test_a_failed_take_leaves_the_rig_its_own(
    rig: bpy.types.Object, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError("the last thing that can go wrong")

    monkeypatch.setattr("blender_addon.scene.performance._set_timing", fail)
    before = counts()
    with pytest.raises(OSError, match="last thing"):
        place_performance(bpy.context.scene, load_default_body(), random_performance(3, 9), clip, PLACEMENT)
    assert counts() == before
    assert playing(rig) == "a clip seed 2"
