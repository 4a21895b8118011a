from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from mathutils import Vector  # noqa: E402

from blender_addon import compat  # noqa: E402
from blender_addon.operators.saving import with_ending  # noqa: E402
from blender_addon.scene.performance import Placement, place_performance  # noqa: E402
from blender_addon.scene.plate import composited, place_plate  # noqa: E402
from kinematics.body import load_default_body  # noqa: E402
from kinematics.camera import frame_figure  # noqa: E402
from tests.blender.performances import bone_matrices, expected_bone_matrices, random_performance  # noqa: E402

pytestmark = [pytest.mark.bpy, pytest.mark.usefixtures("addon")]

FRAMES = 5
FIRST = 7


@pytest.fixture
def rig(clip: Path) -> bpy.types.Object:
    placement = Placement(first_frame=FIRST)
    return place_performance(
        bpy.context.scene, load_default_body(), random_performance(FRAMES), clip, placement
    )


@pytest.mark.parametrize(
    ("typed", "written"),
    [("take", "take.bvh"), ("take.FBX", "take.bvh"), ("seed 1.002 simple", "seed 1.002 simple.bvh")],
)
def test_a_point_in_a_name_is_no_ending(typed: str, written: str) -> None:
    assert with_ending(Path(typed), ".bvh", (".fbx", ".bvh")) == Path(written)


@pytest.mark.parametrize("format", ["FBX", "BVH"])
def test_exports_come_back_in_place(rig: bpy.types.Object, tmp_path: Path, format: str) -> None:
    scene = bpy.context.scene
    scene.frame_set(3)
    bpy.context.view_layer.objects.active = bpy.data.objects["Cube"]
    bpy.data.actions.new("Somebody else's").use_fake_user = True
    bpy.ops.object.mode_set(mode="EDIT")
    selected = list(bpy.context.selected_objects)
    target = tmp_path / "out" / f"take.{format.lower()}"

    assert bpy.ops.a2p.export(filepath=str(target), format=format) == {"FINISHED"}

    assert [path.name for path in target.parent.iterdir()] == [target.name]
    assert (scene.frame_current, bpy.context.object.name, bpy.context.object.mode) == (3, "Cube", "EDIT")
    assert bpy.context.selected_objects == selected
    assert len(bpy.data.scenes) == len(bpy.data.armatures) == 1

    bpy.ops.wm.read_factory_settings(use_empty=True)
    if format == "FBX":
        bpy.ops.import_scene.fbx(filepath=str(target), anim_offset=0)
        assert len(bpy.data.actions) == 1
    else:
        bpy.ops.import_anim.bvh(filepath=str(target), global_scale=0.01, update_scene_fps=True)
        assert bpy.context.scene.render.fps == 30
    body, performance = load_default_body(), random_performance(FRAMES)
    (back,) = (member for member in bpy.data.objects if member.type == "ARMATURE")
    first, last = back.animation_data.action.frame_range
    assert last - first == FRAMES - 1
    names = tuple(name for name in body.skeleton.names if name in back.pose.bones)
    assert len(names) >= 80
    joints = [body.skeleton.index(name) for name in names]
    expected = expected_bone_matrices(body, performance)[:, joints]
    for frame in range(FRAMES):
        bpy.context.scene.frame_set(int(first) + frame)
        np.testing.assert_allclose(bone_matrices(back, names)[:, :3, 3], expected[frame, :, :3, 3], atol=1e-3)


def test_plate_lies_behind_what_its_camera_sees(video: Path) -> None:
    scene = bpy.context.scene
    camera = frame_figure("front", 64, 72)
    viewer = place_plate(scene, video, camera, FIRST, 2)

    assert scene.camera == viewer
    assert (scene.render.resolution_x, scene.render.resolution_y) == (64, 72)
    from bpy_extras.object_utils import world_to_camera_view

    bpy.context.view_layer.update()
    for point in ((0.0, 0.0, 0.0), (0.3, -0.2, 1.7)):
        x, y, _ = world_to_camera_view(scene, viewer, Vector(point))
        expected = camera.project(np.array(point))
        np.testing.assert_allclose([x * 64, (1 - y) * 72], expected[:2], atol=1e-2)
    (background,) = viewer.data.background_images
    assert background.image.source == "MOVIE"
    assert background.image_user.frame_start == FIRST


@pytest.mark.parametrize("output", ["Over", "Beside"])
def test_compositor_shows_the_plate(video: Path, tmp_path: Path, output: str) -> None:
    scene = bpy.context.scene
    place_plate(scene, video, frame_figure("front", 64, 72), 1, 2)
    bpy.data.objects["Cube"].scale.z = 0.5  # fills the lower half of the picture
    tree = compat.compositor_tree(scene)
    links = len(tree.links)
    assert composited(scene) == "Over"
    assert bpy.ops.a2p.composite_plate(output=output) == {"FINISHED"}
    assert composited(scene) == output
    assert len(tree.links) == links
    scene.render.engine = "BLENDER_WORKBENCH"
    scene.render.filepath = str(tmp_path / "frame.png")
    scene.view_settings.view_transform = "Standard"
    bpy.ops.render.render(write_still=True)

    picture = np.array(bpy.data.images.load(scene.render.filepath).pixels[:]).reshape(72, 64, 4)
    assert picture[..., 3].min() > 0.99
    brightness = picture[..., :3].mean(axis=2)
    if output == "Over":
        assert np.ptp(brightness[38:60]) > 0.1, "above the cube, the plate shows"
        assert brightness[:20].min() > 0.3, "the cube hides the plate"
    else:
        assert brightness[:10].max() < brightness[20:30, 40:].min(), "the canvas below, the cube at the right"
        assert np.ptp(brightness[20:50, 4:28]) > 0.1, "the plate at the left"


def test_a_compositor_in_use_is_left_alone(video: Path) -> None:
    scene = bpy.context.scene
    tree, _ = compat.new_compositor_tree(scene)
    blur = tree.nodes.new("CompositorNodeBlur")
    transparent = scene.render.film_transparent
    before = {node.name: tuple(node.location) for node in tree.nodes}, len(tree.links)

    place_plate(scene, video, frame_figure("front", 64, 72), 1, 2)

    (added,) = (node for node in tree.nodes if node.name not in before[0])
    assert added.type == "GROUP"
    assert {node.name: tuple(node.location) for node in tree.nodes if node != added} == before[0]
    assert len(tree.links) == before[1]
    assert blur.name in tree.nodes
    assert scene.render.film_transparent == transparent

    assert composited(scene) is None
    with pytest.raises(RuntimeError, match="does not show the plate"):
        bpy.ops.a2p.composite_plate(output="Beside")
    assert len(tree.links) == before[1]


def test_a_file_that_is_no_video_leaves_nothing(tmp_path: Path) -> None:
    from kinematics.errors import A2PError

    before = len(bpy.data.images), len(bpy.data.cameras)
    with pytest.raises(A2PError, match="render it again"):
        place_plate(bpy.context.scene, tmp_path / "none.mp4", frame_figure("front", 64, 72), 1, 2)
    assert (len(bpy.data.images), len(bpy.data.cameras)) == before


def test_the_plate_hangs_where_the_camera_sees_it(video: Path) -> None:
    scene = bpy.context.scene
    viewer = place_plate(scene, video, frame_figure("front", 64, 72), FIRST, 2)
    assert bpy.ops.a2p.reload_plate() == {"FINISHED"}
    assert bpy.ops.a2p.plate_plane() == {"FINISHED"}
    (picture,) = (member for member in scene.objects if member.type == "EMPTY")
    bpy.context.view_layer.update()
    from bpy_extras.object_utils import world_to_camera_view

    x, y, depth = world_to_camera_view(scene, viewer, picture.matrix_world.translation)
    assert (x, y) == (pytest.approx(0.5, abs=1e-3), pytest.approx(0.5, abs=1e-3))
    assert depth > viewer.matrix_world.translation.length
    top = picture.matrix_world @ Vector((0.0, picture.empty_display_size / 2, 0.0))
    assert world_to_camera_view(scene, viewer, top)[1] == pytest.approx(1.0, abs=1e-3)
