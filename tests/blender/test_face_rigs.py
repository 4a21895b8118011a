"""A take's face on real characters."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from mathutils import Vector  # noqa: E402

from blender_addon.scene.performance import Placement, place_performance  # noqa: E402
from kinematics.body import load_default_body  # noqa: E402
from kinematics.face_codes import FACE_CODE_NAMES  # noqa: E402
from tests.blender.performances import random_performance  # noqa: E402
from tests.blender.test_retarget import load  # noqa: E402

RIGS = Path(__file__).parents[3] / "shared" / "data" / "rigs"
pytestmark = [
    pytest.mark.bpy,
    pytest.mark.usefixtures("addon"),
    pytest.mark.skipif(not RIGS.is_dir(), reason=f"the shared rigs are not at {RIGS}"),
]
FRAMES = 12
OPEN = 7
"""The scene's frame in which the mouth is open."""


@pytest.fixture
def take(clip: Path) -> bpy.types.Object:
    """The jaw opens and shuts, the brows are up from the first frame on."""
    face = np.zeros((FRAMES, 256), np.float32)
    face[:, FACE_CODE_NAMES.index("jaw_open")] = np.exp(-(((np.arange(FRAMES) + 1 - OPEN) / 2.0) ** 2))
    face[:, FACE_CODE_NAMES.index("brows_up")] = 0.7
    rig = place_performance(
        bpy.context.scene,
        load_default_body(),
        replace(random_performance(FRAMES), face=face),
        clip,
        Placement(first_frame=1, face_names=FACE_CODE_NAMES, with_mesh=False),
    )
    bpy.context.view_layer.objects.active = rig
    return rig


def sunk(armature: bpy.types.Object, bone: str) -> float:
    """How far a point ahead of a jaw's hinge sinks from the first frame to OPEN, in the bone's lengths."""
    rest = armature.data.bones[bone]
    # Figures look along -Y; bones' own directions differ from maker to maker.
    ahead = armature.matrix_world.to_3x3().inverted() @ Vector((0.0, -1.0, 0.0))
    point = rest.head_local + rest.length * ahead.normalized()
    heights = []
    for frame in (1, OPEN):
        bpy.context.scene.frame_set(frame)
        posed = armature.evaluated_get(bpy.context.evaluated_depsgraph_get()).pose.bones[bone]
        heights.append((armature.matrix_world @ posed.matrix @ rest.matrix_local.inverted() @ point).z)
    return (heights[0] - heights[1]) / (rest.length * armature.matrix_world.to_scale()[2])


@pytest.mark.parametrize(
    ("file", "jaw"), [("geneva_v2_tpose_final.fbx", "b_jaw"), ("rigify_human_metarig.blend", "jaw")]
)
def test_a_jaw_bone_opens(take, tmp_path, file, jaw):
    armature = load(RIGS / file, tmp_path)
    pose = {bone.name: bone.matrix_basis.copy() for bone in armature.pose.bones}
    assert bpy.ops.a2p.apply_face(target=armature.name) == {"FINISHED"}
    assert 0.15 < sunk(armature, jaw) < 0.40
    turned = {bone.name for bone in armature.pose.bones if bone.matrix_basis != pose[bone.name]}
    assert turned == {jaw}


def test_a_head_with_moods_is_surprised(take, tmp_path):
    """The robot's shape keys are Angry, Surprised and Sad: only one is a known shape."""
    armature = load(RIGS / "robot_expressive.glb", tmp_path)
    (head,) = [item for item in bpy.data.objects if item.type == "MESH" and item.data.shape_keys]
    assert bpy.ops.a2p.apply_face(target=head.name) == {"FINISHED"}
    bpy.context.scene.frame_set(1)
    values = {block.name: block.value for block in head.data.shape_keys.key_blocks[1:]}
    assert values["Surprised"] > 0.3
    assert values["Angry"] == values["Sad"] == 0.0
    assert armature is not None


@pytest.mark.parametrize("file", ["vrm0_example.vrm", "mpfb_game_engine_ue_names.fbx", "m2m_human-male.glb"])
def test_a_character_without_a_face_is_told_so(take, tmp_path, file):
    armature = load(RIGS / file, tmp_path)
    before = set(bpy.data.actions)
    with pytest.raises(RuntimeError, match="no armature a jaw bone"):
        bpy.ops.a2p.apply_face(target=armature.name)
    assert set(bpy.data.actions) == before
