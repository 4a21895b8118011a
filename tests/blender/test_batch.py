from __future__ import annotations

import json
from pathlib import Path

import pytest

bpy = pytest.importorskip("bpy")

from a2p_backend.wire.performance import load_take  # noqa: E402
from blender_addon import batch  # noqa: E402
from blender_addon.scene import takes  # noqa: E402
from tests.server.fakes import FakeService, serving  # noqa: E402

pytestmark = [pytest.mark.bpy]


class PlateService(FakeService):
    """Every plate is the same video."""

    def __init__(self, video: Path) -> None:
        super().__init__()
        self.video = video.read_bytes()

    def render_plate(self, *_: object) -> bytes:
        return self.video


def test_batch_leaves_everything_in_the_folder(
    video: Path, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, endpoint = tmp_path / "out", tmp_path / "endpoint.json"
    options = ["--clip", clip, "--out", out, "--endpoint", endpoint, "--seed", 3, "--pictures", 2]
    with serving(PlateService(video), endpoint):
        assert batch.main([*map(str, options), "--width", "64", "--height", "72", "--progress"]) == 0

    events = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert {"stage": "pictures", "done": 2, "total": 2} in events
    timed = [event["stage"] for event in events if "seconds" in event]
    assert timed == ["generate", "plate", "export", "pictures"]

    names = {"demo.blend", "demo.fbx", "demo.bvh", "plate.mp4", "take.npz", "pictures"}
    assert {path.name for path in out.iterdir()} == names
    assert len(list((out / "pictures").iterdir())) == 2
    assert load_take(out / "take.npz").seed == 3

    bpy.ops.wm.open_mainfile(filepath=str(out / "demo.blend"))
    rig = takes.find_rig(bpy.context)
    assert takes.attached_performance(rig.animation_data.action).seed == 3
    assert [scene.name for scene in bpy.data.scenes] == ["Scene"]
    assert {mesh.name for mesh in bpy.data.meshes} == {"A2P default body"}, "nothing of the pictures stays"
    assert bpy.data.images["A2P plate"].filepath == "//plate.mp4"
    assert bpy.context.scene.frame_end == rig.animation_data.action.frame_range[1] == 30


def test_batch_says_what_is_wrong(
    new_blender: None, clip: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--clip", str(clip), "--out", str(tmp_path / "out"), "--endpoint", str(tmp_path / "none.json")]
    assert batch.main(options) == batch.EXIT_USER_ERROR
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert "a2p serve" in line
