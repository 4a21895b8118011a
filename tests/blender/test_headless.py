"""Jobs without a window: files with several armatures."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

bpy = pytest.importorskip("bpy", reason="bpy is not installed: pip install '.[blender]'")

from a2p_backend.wire.blender_job import BlenderJob  # noqa: E402
from blender_addon import headless  # noqa: E402
from blender_addon.scene.retargeting import retarget_onto  # noqa: E402
from kinematics.errors import A2PError  # noqa: E402
from tests.blender.armatures import add_armature  # noqa: E402
from tests.blender.test_retargeting import named  # noqa: E402
from tests.retarget.figures import Build, figure, talk  # noqa: E402


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    """A file with two rigs, of which the second plays."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    bpy.context.scene.render.fps = 30
    for name in ("Still", "Talking"):
        armature = add_armature(named(figure(Build())[0]), name)
    retarget_onto(armature, talk(10), "Talk", bpy.context.scene)
    path = tmp_path / "pair.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path), check_existing=False, copy=True)
    return path


def test_of_several_armatures_one_is_asked_for_by_name(pair):
    job = BlenderJob(source=str(pair), rig=str(pair), report=True)
    with pytest.raises(A2PError, match=r"the source \(--source-armature\) by name, one of \w+, \w+[.]"):
        headless.run(job)
    job = replace(job, source_armature="Talking")
    with pytest.raises(A2PError, match=r"the rig \(--armature\) by name, one of \w+, \w+[.]"):
        headless.run(job)
    answer = headless.run(replace(job, armature="Still"))
    assert (answer.rig, answer.frames) == ("Still", 10)
    # Nothing of the source's file is there a second time.
    assert sorted(member.name for member in bpy.data.armatures) == ["Still", "Talking"]
    assert answer.fidelity["limb_direction_p99_deg"] < 0.1
