"""Undo gives back what was there and redo what was made, to the last bit; the animator's own things stay."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from a2p_backend.wire.client import ActorInfo  # noqa: E402
from a2p_backend.wire.performance import Performance  # noqa: E402
from kinematics.errors import A2PError  # noqa: E402
from kinematics.face_codes import FACE_CODE_NAMES  # noqa: E402
from tests.blender.armatures import add_armature  # noqa: E402
from tests.blender.performances import action_curves, random_performance  # noqa: E402
from tests.blender.snapshots import Snapshot, differences, snapshot  # noqa: E402
from tests.retarget.figures import Build, figure  # noqa: E402
from tests.server.fakes import FakeService, serving  # noqa: E402

pytestmark = [pytest.mark.bpy, pytest.mark.usefixtures("addon")]

FRAMES = 31
RIG, CHARACTER, FACE, CUBE = "A2P default", "Character", "Face", "Cube"


class MovingService(FakeService):
    """Its performances move everything, and its plates are a video that Blender can read."""

    video = b""

    def actors(self) -> tuple[ActorInfo, ...]:
        return tuple(replace(actor, face_codes=FACE_CODE_NAMES) for actor in super().actors())

    def generate(self, clip, clip_name, settings, edit, on_progress, cancelled) -> Performance:
        made = random_performance(FRAMES, settings.seed)
        header = made.header() | {"clip_name": clip_name, "settings": settings.to_dict()}
        return Performance.from_parts(header, made.arrays())

    def render_plate(self, *arguments: object) -> bytes:
        return self.video


@pytest.fixture
def service(endpoint: Path) -> Iterator[MovingService]:
    service = MovingService()
    with serving(service, endpoint):
        yield service


@pytest.fixture
def studio(addon: None) -> None:
    """An animator's own things: keys, drivers, strips, constraints, a pose that is not keyed, a face."""
    character = add_armature(figure(Build(arms_down=40))[0], CHARACTER)
    first, second, third, fourth = character.pose.bones[:4]
    first["a switch"] = 0.25
    second.rotation_mode = "XZY"
    third.rotation_quaternion = (0.9, 0.1, 0.3, -0.2)
    fourth.constraints.new("LIMIT_ROTATION").influence = 1 / 3
    data = bpy.data.meshes.new(FACE)
    data.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
    face = bpy.data.objects.new(FACE, data)
    bpy.context.scene.collection.objects.link(face)
    face.parent = character
    for shape in ("Basis", "jawOpen", "mouthSmileLeft"):
        face.shape_key_add(name=shape).value = 0.0
    cube = bpy.data.objects[CUBE]
    for frame in (1, 13, 40):
        cube.location.x = frame / 7
        cube.keyframe_insert("location", frame=frame)
        first.keyframe_insert("location", frame=frame)
        face.data.shape_keys.key_blocks["jawOpen"].keyframe_insert("value", frame=frame)
    for curve in action_curves(cube):
        curve.modifiers.new("NOISE").strength = 0.3
    cube.animation_data.nla_tracks.new().strips.new("A strip", 5, cube.animation_data.action).influence = 0.7
    cube.driver_add("scale", 0).driver.expression = "frame / 7"
    bpy.context.scene.a2p.rig.target = CHARACTER


def click(name: str, **options: object) -> None:
    """Run an operator as a button does: one that makes an undo step makes it."""
    assert getattr(bpy.ops.a2p, name)("EXEC_DEFAULT", True, **options) == {"FINISHED"}


def pose_by_hand(bone: str, frame: int) -> None:
    """What the animator does between two clicks."""
    posed = bpy.data.objects[RIG].pose.bones[bone]
    posed.rotation_quaternion = (0.8, 0.6, 0.0, 0.0)
    posed.keyframe_insert("rotation_quaternion", frame=frame)
    bpy.ops.ed.undo_push(message="Insert Keyframe")


Work = dict[str, Callable[[], None]]


def on_takes(clip: Path) -> Work:
    return {
        "generate": lambda: click("generate", clip=str(clip), seed=1, with_mesh=False),
        "generate another take": lambda: click("generate", clip=str(clip), seed=2),
        "audition": lambda: click("audition", take="a clip seed 1"),
        "compare": lambda: click("compare_takes"),
        "lock": lambda: click("lock_range", first=3, last=9),
        "regenerate a range": lambda: click("regenerate_range", first=5, last=20, seed=3),
        "generate on a rig of its own": lambda: click("generate", clip=str(clip), seed=4, new_rig=True),
        "delete a take": lambda: click("delete_take"),
    }


def on_layers(clip: Path) -> Work:
    return {
        "generate": lambda: click("generate", clip=str(clip), with_mesh=False),
        "show the guide": lambda: click("show_guide"),
        "key a guide pose": lambda: pose_by_hand("b_head", 31),
        "hide the guide": lambda: click("hide_guide"),
        "regenerate around the key": lambda: click("regenerate_guide"),
        "add a tweak layer": lambda: click("add_tweak"),
        "key a tweak": lambda: pose_by_hand("b_head", 12),
        "push the tweak down": lambda: click("push_down"),
        "bake down": lambda: click("bake_down"),
        "simplify": lambda: click("simplify", armature=RIG, rotation_error=30, hand_error=900, value_error=1),
        "smooth": lambda: click("smooth", armature=RIG),
    }


def on_others(clip: Path) -> Work:
    return {
        "generate": lambda: click("generate", clip=str(clip), with_mesh=False),
        "detect": lambda: click("detect_rig"),
        "retarget": lambda: click("retarget", target=CHARACTER),
        "restore": lambda: click("restore_rig", target=CHARACTER),
        "apply a face": lambda: click("apply_face", target=CHARACTER),
        "add a head": lambda: click("head_mesh"),
        "render a plate": lambda: click("plate", filepath=str(clip.with_name("made.mp4"))),
        "hang the plate": lambda: click("plate_plane"),
        "composite": lambda: click("composite_plate", output="Beside"),
    }


CHANGE_AN_ACTION = {"lock", "key a guide pose", "key a tweak", "delete a take"}


@pytest.mark.usefixtures("studio")
@pytest.mark.parametrize("day", [on_takes, on_layers, on_others])
def test_a_days_work_is_undone_and_redone_step_by_step(
    day: Callable[[Path], Work], service: MovingService, clip: Path, video: Path
) -> None:
    service.video = video.read_bytes()
    steps = day(clip)
    bpy.ops.ed.undo_push(message="before")
    moments = [snapshot()]
    for name, work in steps.items():
        work()
        moments.append(snapshot())
        assert differences(*moments[-2:]), f"{name} did nothing"
        if name not in CHANGE_AN_ACTION:
            assert differences(actions(moments[-2]), kept(moments[-1], moments[-2])) == [], name
    for name, moment in reversed(list(zip(steps, moments, strict=False))):
        bpy.ops.ed.undo()
        assert differences(moment, snapshot()) == [], f"undo of {name}"
    for name, moment in zip(steps, moments[1:], strict=True):
        bpy.ops.ed.redo()
        assert differences(moment, snapshot()) == [], f"redo of {name}"


@pytest.mark.usefixtures("studio", "service")
def test_what_only_looks_or_writes_files_changes_nothing(clip: Path, tmp_path: Path) -> None:
    click("generate", clip=str(clip), with_mesh=False)
    bpy.data.actions["a clip seed 0"].a2p.star = True
    before = snapshot()
    click("save_map", target=CHARACTER, filepath=str(tmp_path / "map.json"))
    click("export_take", filepath=str(tmp_path / "take.npz"))
    click("export", filepath=str(tmp_path / "take.fbx"), format="FBX")
    click("export_starred", directory=str(tmp_path), format="BVH")
    assert differences(before, snapshot()) == []


@pytest.mark.usefixtures("studio", "service")
def test_a_restored_rig_is_as_it_was(clip: Path) -> None:
    click("generate", clip=str(clip), with_mesh=False)
    before = snapshot()
    click("retarget", target=CHARACTER)
    click("retarget", target=CHARACTER, plant_feet=False)
    click("restore_rig", target=CHARACTER)
    click("restore_rig", target=CHARACTER)
    after = {name: block for name, block in snapshot().items() if name in before}
    assert differences(without_users(before), without_users(after)) == []


@pytest.mark.usefixtures("studio", "service")
@pytest.mark.parametrize("layer", ["add_tweak", "show_guide"])
def test_a_take_that_cannot_be_placed_leaves_the_layers_as_they_were(
    layer: str, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cannot_play(*_: object) -> None:
        raise A2PError("There is no room for the sound.")

    click("generate", clip=str(clip), with_mesh=False)
    click(layer)
    pose_by_hand("b_head", 1)
    monkeypatch.setattr("blender_addon.scene.sound.add_sound_strip", cannot_play)
    before = snapshot()
    for again in ({"clip": str(clip)}, {}):
        with pytest.raises(RuntimeError, match="no room"):
            click("generate" if again else "regenerate_range", **again)
        assert differences(before, snapshot()) == []


def actions(moment: Snapshot) -> Snapshot:
    """The Actions of a snapshot, whoever uses them."""
    return without_users({name: block for name, block in moment.items() if name.startswith("actions ")})


def without_users(moment: Snapshot) -> Snapshot:
    """A snapshot without what tells who uses its Actions."""
    return {
        name: {key: value for key, value in block.items() if key not in ("users", "use_fake_user")}
        if name.startswith("actions ")
        else block
        for name, block in moment.items()
    }


def kept(moment: Snapshot, earlier: Snapshot) -> Snapshot:
    """Those of a snapshot's Actions that were there earlier."""
    return {name: block for name, block in actions(moment).items() if name in earlier}


@pytest.mark.usefixtures("studio")
def test_a_snapshot_tells_the_smallest_change() -> None:
    character, cube = bpy.data.objects[CHARACTER], bpy.data.objects[CUBE]
    curve = next(iter(action_curves(cube)))
    curve.keyframe_points[1].handle_left_type = curve.keyframe_points[1].handle_right_type = "FREE"
    smile = bpy.data.objects[FACE].data.shape_keys.key_blocks["mouthSmileLeft"]
    smile.value = character.location.z = 0.25  # next to 0 lie numbers that are taken for 0
    values = [
        (curve.keyframe_points[1], "co", 1),
        (curve.keyframe_points[1], "handle_left", 0),
        (curve.modifiers[0], "strength", None),
        (cube.animation_data.nla_tracks[0].strips[0], "influence", None),
        (character.pose.bones[2], "rotation_quaternion", 0),
        (character.pose.bones[3].constraints[0], "influence", None),
        (smile, "value", None),
        (character, "location", 2),
    ]
    before = snapshot()
    for owner, name, index in values:
        value = getattr(owner, name) if index is None else getattr(owner, name)[index]
        nudge(owner, name, index, float(np.nextafter(np.float32(value), np.float32(np.inf))))
        assert differences(before, snapshot()), (owner, name)
        nudge(owner, name, index, value)
        assert differences(before, snapshot()) == [], (owner, name)


@pytest.mark.usefixtures("service")
def test_a_snapshot_tells_how_keys_are_joined(clip: Path) -> None:
    click("generate", clip=str(clip), with_mesh=False)
    before = snapshot()
    key = next(iter(action_curves(bpy.data.objects[RIG]))).keyframe_points[-1]
    for name, value in {
        "interpolation": "CONSTANT",
        "handle_left_type": "VECTOR",
        "easing": "EASE_IN",
    }.items():
        kept = getattr(key, name)
        setattr(key, name, value)
        assert differences(before, snapshot()), name
        setattr(key, name, kept)


def nudge(owner: bpy.types.bpy_struct, name: str, index: int | None, value: float) -> None:
    if index is None:
        setattr(owner, name, value)
    else:
        getattr(owner, name)[index] = value
