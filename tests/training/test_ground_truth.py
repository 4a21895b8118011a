"""Captured motion as video: in chunks, with its sound, and on from where it was interrupted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from a2p_backend.avatar import plate
from a2p_backend.training.ground_truth import render_ground_truth
from a2p_backend.training.scenes import DatasetError
from a2p_backend.wire.progress import Cancelled, Progress
from a2p_backend.wire.settings import PlateSettings

SIZE = 64
SETTINGS = PlateSettings(SIZE, SIZE)


class Grey:
    """An avatar that is as bright as the pose's first number says."""

    def __init__(self) -> None:
        self.drawn = 0

    def step(self, settings: PlateSettings) -> int:
        return 1

    def pictures(self, performance, settings, rasteriser) -> Iterator[np.ndarray]:
        for pose in performance.pose:
            self.drawn += 1
            yield np.full((SIZE, SIZE, 3), pose[0], np.uint8)


class NoRasteriser:
    def __enter__(self) -> None:
        return None

    def __exit__(self, *exception: object) -> None:
        return None


@pytest.fixture(autouse=True)
def _without_opengl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plate, "choose_rasteriser", lambda name: NoRasteriser())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two scenes of 12 and 5 frames, the second brighter; the right channel is silent."""
    folder = tmp_path / "PXB184"
    folder.mkdir()
    for scene, frames, level in ((1, 12, 80), (2, 5, 160)):
        stem = folder / f"scene{scene:02d}"
        np.save(f"{stem}_body_pose.npy", np.full((frames, 104), level, np.float32))
        np.save(f"{stem}_face_expression.npy", np.zeros((frames, 256), np.float32))
        np.save(f"{stem}_missing_face_frames.npy", np.empty(0, np.int64))
        sound = np.zeros((1600 * frames, 2))
        sound[:, 0] = 0.3 * np.sin(np.arange(len(sound)) / 20)
        soundfile.write(f"{stem}_audio.wav", sound, 48_000)
    return folder


def test_chunks_and_resuming(folder: Path, tmp_path: Path) -> None:
    avatar, out, news = Grey(), tmp_path / "out", list[Progress]()

    def run(cancelled: Callable[[], bool] = lambda: False) -> tuple[Path, ...]:
        return render_ground_truth(folder, out, "a", avatar, SETTINGS, news.append, cancelled, chunk=5)

    with pytest.raises(Cancelled):
        run(lambda: avatar.drawn == 8)
    assert [path.name for path in out.iterdir()] == ["scene01_00000-00005_gt.mp4"]
    avatar.drawn = 0
    videos = run()
    assert avatar.drawn == 12  # 17 but for the 5 that were there
    assert [path.name for path in videos] == [
        "scene01_00000-00005_gt.mp4",
        "scene01_00005-00010_gt.mp4",
        "scene01_00010-00012_gt.mp4",
        "scene02_00000-00005_gt.mp4",
    ]
    assert sorted(out.iterdir()) == list(videos)
    assert (news[-1].done, news[-1].total) == (17, 17)
    with av.open(str(videos[-1])) as container:
        frames = [frame.to_ndarray(format="rgb24").mean() for frame in container.decode(video=0)]
    assert frames == pytest.approx([160] * 5, abs=3)
    with av.open(str(videos[-1])) as container:
        sound = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)
    assert sound[0, 2048:6144].std() == pytest.approx(0.3 / np.sqrt(2), rel=0.1)  # past AAC's onset
    assert np.abs(sound[1]).max() < 0.05


def test_broken_motion_is_named(folder: Path, tmp_path: Path) -> None:
    pose = np.load(folder / "scene02_body_pose.npy")
    pose[3] = np.nan
    np.save(folder / "scene02_body_pose.npy", pose)
    out = tmp_path / "out"
    with pytest.raises(DatasetError, match=r"scene02, frames 0 to 5, .* NaN or infinity, first in row 3"):
        render_ground_truth(folder, out, "a", Grey(), SETTINGS, lambda news: None, lambda: False)
    assert [path.name for path in out.iterdir()] == ["scene01_00000-00012_gt.mp4"]
