"""Jobs for a Blender without a window, and its answers, on their way between processes."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest

from a2p_backend.wire.blender_job import BlenderAnswer, BlenderJob, Moment
from kinematics.curves.error_bound import ErrorBound
from kinematics.errors import A2PError
from kinematics.exchange import ExportOptions
from kinematics.retarget.options import RetargetOptions

JOB = BlenderJob(
    source="/takes/take.npz",
    rig="/rigs/hero.glb",
    options=RetargetOptions(plant_feet=True, root_motion="root"),
    exports=("/out/hero.fbx", "/out/hero.glb"),
    export_options=ExportOptions("unreal", fps=60.0),
    simplify=ErrorBound(rotation=0.01),
)
ANSWER = BlenderAnswer(
    rig="Hero", map="Mixamo", confidence=0.9, bones=22, missing=("toe.L",), notes=(), frames=90, fps=30.0,
    face="The face moves 2 shape keys of face", fidelity={"foot_slide_cm": 0.1},
    pictures=(Moment(0.5, ("a.png", "b.png"), ("c.png", "d.png")),),
)  # fmt: skip


@pytest.mark.parametrize("job", [JOB, BlenderJob("take.npz", "hero.blend")], ids=["full", "plain"])
def test_a_job_arrives_as_it_was_sent(job: BlenderJob) -> None:
    assert BlenderJob.from_json(job.to_json()) == job


def test_a_job_that_asks_for_what_cannot_be_is_refused() -> None:
    hopeless = json.loads(JOB.to_json()) | {"simplify": {"rotation": -1.0}}
    with pytest.raises(A2PError, match="rotation error"):
        BlenderJob.from_json(json.dumps(hopeless))


@pytest.mark.parametrize(
    "answer", [ANSWER, replace(ANSWER, fidelity=None, pictures=())], ids=["full", "plain"]
)
def test_an_answer_arrives_as_it_was_sent(answer: BlenderAnswer) -> None:
    assert BlenderAnswer.from_fields(json.loads(json.dumps(asdict(answer)))) == answer
