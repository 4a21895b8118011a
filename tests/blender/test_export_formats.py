"""What is exported comes back: names, places and motion, and nothing that was not asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from blender_addon import compat  # noqa: E402
from blender_addon.scene import baking, export, import_rig  # noqa: E402
from blender_addon.scene.retargeting import measure_onto, retarget_onto  # noqa: E402
from kinematics.bvh import read_bvh  # noqa: E402
from kinematics.curves.error_bound import ErrorBound  # noqa: E402
from kinematics.retarget.slots import CORE  # noqa: E402
from tests.blender.armatures import add_action, add_armature  # noqa: E402
from tests.blender.performances import bone_matrices, counts  # noqa: E402
from tests.blender.test_retargeting import named  # noqa: E402
from tests.curves.gltf_motion import node_matrices  # noqa: E402
from tests.retarget.figures import Build, figure, talk  # noqa: E402

pytestmark = [pytest.mark.bpy, pytest.mark.usefixtures("addon")]

FRAMES = 6


@pytest.fixture
def hero() -> bpy.types.Object:
    """A scaled and turned rig that plays a take, with a mesh that its head carries, and an Action besides."""
    to_world = np.eye(4)
    to_world[:3, :3] = 0.01 * np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    rig, _ = figure(Build(arms_down=40, rolled=True, unit=100.0, to_world=to_world))
    armature = add_armature(named(rig), "Hero")
    add_action(armature, "Walk", "hips", np.ones((90, 3))).use_fake_user = True
    bpy.context.scene.render.fps = 30
    hat = bpy.data.objects["Cube"]
    hat.parent, hat.parent_type, hat.parent_bone = armature, "BONE", "head"
    retarget_onto(armature, talk(FRAMES), "Talk", bpy.context.scene)
    return armature


@pytest.mark.parametrize("ending", [".fbx", ".glb", ".usdc"])
@pytest.mark.parametrize("fps", [30.0, 60.0])
def test_a_rig_comes_back_with_the_motion_that_it_played(hero, tmp_path, ending, fps):
    skeleton = baking.skeleton_of(hero, bpy.context.scene, baking.BakeOptions(fps=fps))
    assert len(skeleton.frames) == (FRAMES if fps == 30.0 else 2 * FRAMES - 1)
    before, target = counts(), tmp_path / f"hero{ending}"
    export.export(bpy.context.scene, hero, target, export.ExportOptions(fps=fps))
    assert counts() == before
    assert [path.name for path in tmp_path.iterdir()] == [target.name]

    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.scene.render.fps = int(fps)
    scene = import_rig.import_rig(target)
    bpy.context.window_manager.windows[0].scene = scene
    (back,) = (member for member in scene.objects if member.type == "ARMATURE")
    assert [member.name for member in scene.objects if member.type == "MESH"] == ["Cube"]
    first, last = back.animation_data.action.frame_range
    assert last - first == len(skeleton.frames) - 1
    names = [name.replace(".", "_") if ending == ".usdc" else name for name in skeleton.names]
    for frame in range(len(skeleton.frames)):
        scene.frame_set(int(first) + frame)
        found = bone_matrices(back, names)[:, :3, 3]
        np.testing.assert_allclose(found, skeleton.posed[frame, :, :3, 3], atol=1e-3)


def test_gltf_of_few_keys_has_the_same_motion(hero, tmp_path):
    retarget_onto(hero, talk(40), "Long talk", bpy.context.scene)
    bound = ErrorBound()
    dense, few = tmp_path / "dense.glb", tmp_path / "few.glb"
    assert export.export(bpy.context.scene, hero, dense) is None
    reduced = export.export(bpy.context.scene, hero, few, export.ExportOptions(bound=bound))
    assert reduced.after < 0.3 * reduced.before
    assert few.stat().st_size < 0.8 * dense.stat().st_size
    times = np.arange(40) / 30.0
    expected, found = (node_matrices(path.read_bytes(), times) for path in (dense, few))
    for name in ("hand.L", "hand.R"):
        apart = np.linalg.norm(expected[name][:, :3, 3] - found[name][:, :3, 3], axis=1)
        assert 0.0 < apart.max() <= bound.hand
    for name in (bone.name for bone in hero.pose.bones):
        turn = np.einsum("tij,tij->t", expected[name][:, :3, :3], found[name][:, :3, :3])
        assert np.arccos(np.clip((turn - 1.0) / 2.0, -1.0, 1.0)).max() <= bound.rotation
    assert bpy.ops.a2p.export(filepath=str(few), format="GLB", simplify=2.0, rig=hero.name) == {"FINISHED"}
    assert len(few.read_bytes()) < len(reduced.content)


def test_bvh_has_any_frame_rate_and_centimetres(hero, tmp_path):
    target = tmp_path / "hero.bvh"
    export.export(bpy.context.scene, hero, target, export.ExportOptions(fps=120.0))
    motion = read_bvh(target)
    assert (motion.fps, len(motion.local.scale)) == (120.0, 4 * (FRAMES - 1) + 1)
    height = np.linalg.norm(motion.local.translation[0, motion.skeleton.index("hips")])
    assert 50 < height < 200


@pytest.mark.parametrize(
    ("preset", "names"),
    [
        ("unreal", {"root", "pelvis", "upperarm_l", "hand_r", "calf_l", "index_01_r"}),
        ("unity", {"Hips", "LeftUpperArm", "RightHand", "LeftLowerLeg"}),
        ("mixamo", {"mixamorig:Hips", "mixamorig:LeftArm", "mixamorig:RightHand", "mixamorig:LeftLeg"}),
    ],
)
def test_presets_rename_bones(hero, tmp_path, preset, names):
    target = tmp_path / "hero.fbx"
    export.export(bpy.context.scene, hero, target, export.ExportOptions(preset=preset))
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = import_rig.import_rig(target)
    (back,) = (member for member in scene.objects if member.type == "ARMATURE")
    assert names <= set(back.data.bones.keys())
    assert back.data.bones[next(name for name in names if "and" in name)].parent is not None


def test_deform_bones_and_a_root_bone_are_chosen(hero):
    for bone in hero.data.bones:
        bone.use_deform = not bone.name.startswith("f_index")
    kept = baking.skeleton_of(hero, bpy.context.scene, baking.BakeOptions(deform_only=True))
    assert not any(name.startswith("f_index") for name in kept.names)
    assert "f_middle.01.L" in kept.names
    moved = baking.with_root_motion(kept, "hips", "root")
    assert moved.names == kept.names
    assert np.ptp(moved.posed[:, 0, :2, 3], axis=0).max() > 1e-3
    added = baking.with_root_motion(kept, "hips", "")
    assert added.names[0] not in kept.names
    np.testing.assert_array_equal(added.posed[:, 1:], kept.posed)


def test_what_hangs_on_bones_of_a_scaled_rig_stays_there(tmp_path):
    to_world = np.diag([50.0, 50.0, 50.0, 1.0])
    rig, _ = figure(Build(arms_down=40, unit=0.02, to_world=to_world))
    armature = add_armature(named(rig), "Robot")
    shell = bpy.data.objects["Cube"]
    shell.parent, shell.parent_type, shell.parent_bone = armature, "BONE", "forearm.L"
    bpy.context.view_layer.update()
    before = np.array(shell.matrix_world.translation)
    path = tmp_path / "robot.glb"
    bpy.ops.export_scene.gltf(filepath=str(path))
    shell.name = "Original"

    imported = import_rig.import_rig(path)
    found = imported.objects["Cube"]
    assert max(found.parent.scale) > 40
    imported.view_layers[0].update()
    np.testing.assert_allclose(found.matrix_world.translation, before, atol=1e-4)


@pytest.mark.parametrize("ending", [".dae", ".usda", ".usdc", ".usdz"])
def test_a_rig_is_read_from_collada_and_usd_of_other_programs(tmp_path, ending):
    if ending == ".dae" and not compat.has_operator("wm", "collada_export"):
        pytest.skip("this Blender has no Collada")
    armature = add_armature(named(figure(Build(arms_down=40))[0]), "Hero")
    before = {bone.name: np.array(armature.matrix_world @ bone.head_local) for bone in armature.data.bones}
    path = tmp_path / f"hero{ending}"
    if ending == ".dae":
        bpy.ops.wm.collada_export(filepath=str(path))
    else:
        bpy.ops.wm.usd_export(filepath=str(path), export_armatures=True)
    scene = import_rig.import_rig(path)
    (back,) = (member for member in scene.objects if member.type == "ARMATURE")
    # USD's names have no full stops.
    names = {name: name if ending == ".dae" else name.replace(".", "_") for name in before}
    assert {bone.name for bone in back.data.bones} == set(names.values())
    for name, place in before.items():
        found = back.matrix_world @ back.data.bones[names[name]].head_local
        np.testing.assert_allclose(found, place, atol=1e-4)
    bpy.context.window_manager.windows[0].scene = scene
    scene.render.fps = 30
    done = retarget_onto(back, talk(FRAMES), "Talk", scene)
    assert set(done.bone_map.bones) >= set(CORE)
    assert measure_onto(back, done).limb_direction_p99_deg < 0.3


def test_collada_is_refused_in_words_where_blender_reads_none(tmp_path, monkeypatch):
    path = tmp_path / "hero.dae"
    path.write_text("<COLLADA/>")
    monkeypatch.setattr(compat, "has_operator", lambda group, name: False)
    before = counts()
    with pytest.raises(import_rig.ImportRigError, match="reads no Collada"):
        import_rig.import_rig(path)
    assert counts() == before


def test_what_cannot_be_exported_or_imported_is_said(hero, tmp_path):
    scene, before = bpy.context.scene, counts()
    still = add_armature(figure(Build())[0], "Still")
    broken = add_armature(figure(Build())[0], "Broken")
    add_action(broken, "NaN", broken.data.bones[1].name, np.full((3, 3), np.nan))
    before = counts()
    for rig, target, said in (
        (still, "still.fbx", "plays no Action"),
        (broken, "broken.glb", "not a finite number"),
        (hero, "hero.obj", "name a file that ends in"),
    ):
        with pytest.raises(export.A2PError, match=said):
            export.export(scene, rig, tmp_path / target)
        assert list(tmp_path.iterdir()) == []
    with pytest.raises(export.A2PError, match="preset"):
        export.export(scene, hero, tmp_path / "x.fbx", export.ExportOptions(preset="maya"))
    for name, content, said in (
        ("cut.glb", b"glTF\x02\0\0\0\xff\xff\0\0", "cannot be read"),
        ("text.fbx", b"; FBX 7.4.0 project file", "cannot be read"),
        ("cut.bvh", b"HIERARCHY\nROOT a\n{\n", "not a BVH file"),
        ("cut.blend", b"BLENDER", "cannot be read"),
        ("text.usda", b"hello", "Could not open USD archive for reading; export it anew"),
        ("cut.usdz", b"PK\3\4", "cannot be read"),
        ("figure.obj", b"", "of a kind"),
        ("nowhere.glb", None, "There is no file"),
    ):
        path = Path(tmp_path / name)
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(export.A2PError, match=said):
            import_rig.import_rig(path)
        assert counts() == before
