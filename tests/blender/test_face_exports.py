"""A face on its way through a character's file and out into another program's."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from a2p_backend.wire.blender_job import BlenderJob  # noqa: E402
from a2p_backend.wire.performance import save_take  # noqa: E402
from blender_addon import headless  # noqa: E402
from kinematics.body import load_default_body  # noqa: E402
from kinematics.curves.error_bound import ErrorBound  # noqa: E402
from kinematics.face.motion import default_motion  # noqa: E402
from kinematics.gltf import Glb  # noqa: E402
from tests.blender.armatures import add_armature  # noqa: E402
from tests.blender.performances import random_performance  # noqa: E402
from tests.blender.test_retargeting import named  # noqa: E402
from tests.retarget.figures import Build, figure  # noqa: E402

pytestmark = [pytest.mark.bpy, pytest.mark.usefixtures("addon")]

FRAMES = 20


@pytest.fixture
def character(tmp_path: Path) -> Path:
    """A rig with a face of two known shapes, which an Action of its maker moves, too."""
    for item in list(bpy.data.objects):
        bpy.data.objects.remove(item)
    armature = add_armature(named(figure(Build(arms_down=40))[0]), "Hero")
    data = bpy.data.meshes.new("face")
    data.from_pydata([(0, 0, 1.6), (0.1, 0, 1.6), (0, 0, 1.7)], [], [(0, 1, 2)])
    face = bpy.data.objects.new("face", data)
    bpy.context.scene.collection.objects.link(face)
    for number, name in enumerate(("Basis", "jawOpen", "eyeBlink_L")):
        face.shape_key_add(name=name).data[0].co.z += 0.1 * number
    face.vertex_groups.new(name="head").add(range(3), 1.0, "REPLACE")
    face.modifiers.new("skin", "ARMATURE").object = armature
    face.parent = armature
    data.shape_keys.key_blocks["jawOpen"].keyframe_insert("value", frame=1)
    path = tmp_path / "hero.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path), check_existing=False, copy=True)
    return path


def job(character: Path, folder: Path, with_face: bool) -> BlenderJob:
    face = np.zeros((FRAMES, 256), np.float32)
    face[:, 0] = np.exp(-(((np.arange(FRAMES) - 10) / 3.0) ** 2))
    show = replace(random_performance(FRAMES), face=face)
    save_take(show, folder / "take.npz")
    np.savez(folder / "body.npz", **load_default_body().to_arrays())
    motion = default_motion(show.face)
    np.savez(folder / "face.npz", gram=motion.gram, products=motion.products)
    return BlenderJob(
        source=str(folder / "take.npz"),
        body=str(folder / "body.npz"),
        rig=str(character),
        face=str(folder / "face.npz") if with_face else None,
        exports=(str(folder / "hero.glb"), str(folder / "few.glb")),
    )


def shape_keys(path: Path) -> tuple[np.ndarray, np.ndarray] | None:
    """Times (K,) and weights (K, shapes) as the file moves them; None where it does not."""
    glb = Glb(path.read_bytes())
    for animation in glb.document["animations"]:
        for channel in animation["channels"]:
            if channel["target"]["path"] == "weights":
                sampler = animation["samplers"][channel["sampler"]]
                return glb.numbers(sampler["input"])[:, 0], glb.numbers(sampler["output"]).reshape(-1, 2)
    return None


def test_a_takes_face_goes_along_into_exported_files(character, tmp_path):
    answer = headless.run(job(character, tmp_path, with_face=True))
    assert answer.face == "The face moves 2 shape keys of face"
    _, weights = shape_keys(tmp_path / "hero.glb")
    assert len(weights) == FRAMES
    assert weights[:, 0].argmax() == 10
    assert 0.6 < weights[:, 0].max() < 0.85
    assert weights[:, 1].max() < 0.05


def test_shapes_have_few_keys_where_bones_have(character, tmp_path):
    wanted = job(character, tmp_path, with_face=True)
    headless.run(wanted)
    times, dense = shape_keys(tmp_path / "hero.glb")
    bound = ErrorBound(value=0.01)
    answer = headless.run(replace(wanted, exports=(str(tmp_path / "few.glb"),), simplify=bound))
    assert "of shapes and properties" in answer.simplified[0]
    kept, weights = shape_keys(tmp_path / "few.glb")
    assert len(kept) < FRAMES
    lines = np.stack([np.interp(times, kept, shape) for shape in weights.T], axis=1)
    assert np.abs(lines - dense).max() <= bound.value


def test_without_it_shapes_stay_and_their_makers_action_stays_behind(character, tmp_path):
    assert headless.run(job(character, tmp_path, with_face=False)).face == ""
    assert shape_keys(tmp_path / "hero.glb") is None
