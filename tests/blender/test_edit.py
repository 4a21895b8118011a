from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from a2p_backend.wire.edit import KEEPABLE, Edit  # noqa: E402
from a2p_backend.wire.performance import Performance  # noqa: E402
from blender_addon import compat  # noqa: E402
from blender_addon.scene import layer_marks, layers, takes  # noqa: E402
from kinematics.body_parts import BODY_PARTS  # noqa: E402
from tests.blender.performances import action_curves, counts, random_performance  # noqa: E402
from tests.server.fakes import FakeService, serving  # noqa: E402

pytestmark = [pytest.mark.bpy, pytest.mark.usefixtures("addon")]

FRAMES = 61


class EditService(FakeService):
    """Remembers the edits that it is asked for, and answers with a performance of three guide poses."""

    def __init__(self) -> None:
        super().__init__()
        self.edits: list[Edit] = []

    def generate(self, clip, clip_name, settings, edit, on_progress, cancelled) -> Performance:
        self.edits.append(edit)
        made = random_performance(FRAMES, settings.seed)
        header = made.header() | {"clip_name": clip_name, "settings": settings.to_dict()}
        return Performance.from_parts(header, made.arrays())


@pytest.fixture
def service(endpoint: Path) -> Iterator[EditService]:
    service = EditService()
    with serving(service, endpoint):
        yield service


@pytest.fixture
def rig(service: EditService, clip: Path) -> bpy.types.Object:
    bpy.ops.a2p.generate(clip=str(clip), seed=1, first_frame=11, with_mesh=False)
    return bpy.data.objects["A2P default"]


def values(rig: bpy.types.Object) -> dict[tuple[str, int], list[float]]:
    """What the rig's Action says at each key."""
    return {
        (curve.data_path, curve.array_index): [key.co[1] for key in curve.keyframe_points]
        for curve in action_curves(rig)
    }


def test_the_pose_that_is_changed_at_a_marker_is_the_one_that_is_given(
    service: EditService, rig: bpy.types.Object
) -> None:
    take = rig.animation_data.action
    original = takes.attached_performance(take)
    assert bpy.ops.a2p.show_guide() == {"FINISHED"}
    scene = bpy.context.scene
    assert sorted(marker.frame for marker in scene.timeline_markers) == [11, 41, 71]
    assert rig.animation_data.action.name == "a clip seed 1 guide"
    scene.frame_set(41)
    head = rig.pose.bones["b_head"]
    head.rotation_quaternion = (1.0, 0.0, 0.0, 0.0)
    head.keyframe_insert("rotation_quaternion", frame=41)

    assert bpy.ops.a2p.regenerate_guide() == {"FINISHED"}

    (edit,) = service.edits[1:]
    np.testing.assert_array_equal(edit.guide[[0, 2]], original.guide[[0, 2]])
    changed = np.flatnonzero(np.abs(edit.guide[1] - original.guide[1]) > 1e-3)
    assert len(changed) > 0
    assert set(changed) <= set(BODY_PARTS["head"])
    assert rig.animation_data.action not in (take, layers.find(take, layer_marks.GUIDE))
    assert takes.is_take(rig.animation_data.action)
    assert not scene.timeline_markers


def test_a_guide_without_a_change_is_not_performed(service: EditService, rig: bpy.types.Object) -> None:
    bpy.ops.a2p.show_guide()
    before = counts()
    with pytest.raises(RuntimeError, match="No key of the guide layer was changed"):
        bpy.ops.a2p.regenerate_guide()
    assert counts() == before
    bpy.ops.a2p.hide_guide()
    assert rig.animation_data.action.name == "a clip seed 1"


def test_a_range_is_made_anew_around_what_is_locked(service: EditService, rig: bpy.types.Object) -> None:
    take = rig.animation_data.action
    bpy.ops.a2p.lock_range(first=21, last=25)
    bpy.ops.a2p.regenerate_range(first=16, last=40, kept={"legs", "face"}, vary=True, strength=0.25, seed=7)
    (edit,) = service.edits[1:]
    assert edit.locked_pose == edit.locked_face == ((0, 5), (10, 15), (30, FRAMES))
    assert (edit.strength, set(edit.kept)) == (0.25, {"legs", "face"})
    np.testing.assert_array_equal(edit.start.pose, takes.attached_performance(take).pose)
    new = rig.animation_data.action
    assert (new.name, new.frame_range[0]) == ("a clip seed 7 varied 16-40", 11)
    assert take.name in bpy.data.actions
    with pytest.raises(RuntimeError, match="no frames"):
        bpy.ops.a2p.regenerate_range(first=1, last=5)


def test_every_part_that_can_be_kept_is_offered() -> None:
    kept = bpy.ops.a2p.regenerate_range.get_rna_type().properties["kept"]
    assert {item.identifier for item in kept.enum_items} == set(KEEPABLE)


def test_tweaks_add_to_the_take_which_stays_and_bake_down_joins_them(rig: bpy.types.Object) -> None:
    take = rig.animation_data.action
    before = values(rig)
    scene, root = bpy.context.scene, rig.pose.bones["b_root"]
    scene.frame_set(31)
    place = root.matrix.translation.copy()
    bpy.ops.a2p.add_tweak()
    assert takes.take_of(rig) == take
    root.location = (0.5, 0.0, 0.0)
    root.keyframe_insert("location", frame=31)
    scene.frame_set(30)
    scene.frame_set(31)
    tweaked = root.matrix.translation.copy()
    assert (tweaked - place).length == pytest.approx(0.5, abs=0.01)

    assert bpy.ops.a2p.bake_down() == {"FINISHED"}
    baked = rig.animation_data.action
    assert takes.is_take(baked)
    assert not rig.animation_data.nla_tracks
    scene.frame_set(31)
    assert (root.matrix.translation - tweaked).length < 1e-4
    compat.play(rig, take, compat.slot_for(take, rig))
    assert values(rig) == before


def test_tweaks_are_pushed_down_and_left(rig: bpy.types.Object) -> None:
    take = rig.animation_data.action
    bpy.ops.a2p.add_tweak()
    with pytest.raises(RuntimeError, match="no keys yet"):
        bpy.ops.a2p.push_down()
    rig.pose.bones["b_head"].keyframe_insert("rotation_quaternion", frame=20)
    bpy.ops.a2p.push_down()
    assert [track.strips[0].blend_type for track in rig.animation_data.nla_tracks] == ["REPLACE", "COMBINE"]
    assert layer_marks.kind_of(rig.animation_data.action) == layer_marks.TWEAK
    bpy.ops.a2p.remove_layers()
    assert rig.animation_data.action == take
    assert not rig.animation_data.nla_tracks
