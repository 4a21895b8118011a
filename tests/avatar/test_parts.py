"""Plates in parts: the film of an interrupted run goes on, and is as one of a single run."""

from __future__ import annotations

import os
from pathlib import Path

import av
import numpy as np
import pytest

from a2p_backend.avatar import plate
from a2p_backend.avatar.parts import render_in_parts
from a2p_backend.avatar.video import VideoError
from a2p_backend.wire.performance import Performance
from a2p_backend.wire.progress import Cancelled, Progress
from a2p_backend.wire.settings import PlateSettings

FRAMES, SIZE = 20, 64


class Ramp:
    """An avatar that brightens by 10 a frame."""

    def __init__(self, digest: str = "first") -> None:
        self.drawn: list[int] = []
        self.digest = digest

    def step(self, settings):
        return 1 if settings.quality == "full" else 2

    def pictures(self, performance, settings, rasteriser):
        for frame in settings.frames_of(performance.frame_count)[:: self.step(settings)]:
            self.drawn.append(frame)
            yield np.full((SIZE, SIZE, 4 if settings.alpha else 3), 10 * frame, np.uint8)


class NoRasteriser:
    def __enter__(self) -> None:
        return None

    def __exit__(self, *exception: object) -> None:
        return None


@pytest.fixture(autouse=True)
def _without_opengl(monkeypatch):
    monkeypatch.setattr(plate, "choose_rasteriser", lambda name: NoRasteriser())


@pytest.fixture
def take():
    pose = np.zeros((FRAMES, 104), np.float32)
    return Performance(pose, np.zeros((FRAMES, 256), np.float32), pose[:1], "a", 0, "a.wav", "")


def levels(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24").mean() for frame in container.decode(video=0)]


@pytest.mark.parametrize("name", ["plate.mp4", "plate.mov", "pictures"])
def test_on_from_an_interruption(take, tmp_path, name):
    avatar, path, news = Ramp(), tmp_path / name, list[Progress]()
    settings = PlateSettings(SIZE, SIZE, frames=(2, FRAMES), alpha=name == "plate.mov")
    sound = np.zeros((1600 * FRAMES, 2), np.float32)
    sound[1600 * 11 :] = 0.5

    def run(cancelled=lambda: False):
        render_in_parts(take, avatar, path, settings, sound, news.append, cancelled, part=6)

    with pytest.raises(Cancelled):
        run(lambda: len(avatar.drawn) == 9)
    assert not path.exists()
    avatar.drawn.clear()
    run()
    assert avatar.drawn == list(range(8, FRAMES))
    assert [(step.done, step.total) for step in news[-1:]] == [(18, 18)]
    assert [entry.name for entry in tmp_path.iterdir()] == [name]
    if name == "pictures":
        assert [entry.name for entry in sorted(path.iterdir())] == [f"{i:05}.png" for i in range(3, 21)]
        return
    assert levels(path) == pytest.approx([10 * frame for frame in range(2, FRAMES)], abs=4)
    with av.open(str(path)) as container:
        assert float(container.duration / av.time_base) == pytest.approx(18 / 30, abs=0.03)
        heard = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)
    assert np.abs(heard[:, : 1600 * 8]).max() < 0.1
    assert np.abs(heard[0, 1600 * 11 : 1600 * 15]).mean() == pytest.approx(0.5, abs=0.1)


def test_every_second_frame_lasts_twice_as_long(take, tmp_path):
    path = tmp_path / "plate.mp4"
    settings = PlateSettings(SIZE, SIZE, quality="preview")
    for target in (path, tmp_path / "pictures"):
        render_in_parts(take, Ramp(), target, settings, None, lambda _: None, lambda: False, part=6)
    names = sorted(entry.name for entry in (tmp_path / "pictures").iterdir())
    assert names == [f"{number:05}.png" for number in range(1, FRAMES + 1, 2)]
    assert levels(path) == pytest.approx([20 * frame for frame in range(10)], abs=4)
    with av.open(str(path)) as container:
        assert container.streams.video[0].average_rate == 15


def test_parts_of_other_settings_are_left_alone(take, tmp_path):
    avatar, path = Ramp(), tmp_path / "plate.mp4"
    with pytest.raises(Cancelled):
        render_in_parts(
            take,
            avatar,
            path,
            PlateSettings(SIZE, SIZE),
            None,
            lambda _: None,
            lambda: len(avatar.drawn) == 9,
            6,
        )
    avatar.drawn.clear()
    other = PlateSettings(SIZE, SIZE, view="side")
    render_in_parts(take, avatar, path, other, None, lambda _: None, lambda: False, part=6)
    assert len(avatar.drawn) == FRAMES


def test_parts_of_an_avatar_that_was_trained_anew_are_left_alone(take, tmp_path):
    path, settings = tmp_path / "plate.mp4", PlateSettings(SIZE, SIZE)
    before, after = Ramp("before"), Ramp("after")
    with pytest.raises(Cancelled):
        render_in_parts(take, before, path, settings, None, lambda _: None, lambda: len(before.drawn) == 9, 6)
    render_in_parts(take, after, path, settings, None, lambda _: None, lambda: False, part=6)
    assert len(after.drawn) == FRAMES


def test_a_folder_that_is_not_there(take, tmp_path):
    settings = PlateSettings(SIZE, SIZE)
    with pytest.raises(VideoError, match="No such file"):
        render_in_parts(
            take, Ramp(), tmp_path / "no" / "v.mp4", settings, None, lambda _: None, lambda: False, part=6
        )


def test_interrupted_while_pictures_are_put_together(take, tmp_path, monkeypatch):
    """Every part still has all of its pictures, and the next run puts them together."""
    avatar, path = Ramp(), tmp_path / "pictures"

    def run():
        render_in_parts(
            take, avatar, path, PlateSettings(SIZE, SIZE), None, lambda news: None, lambda: False, part=6
        )

    placed = []

    def stopped(picture, target):
        if len(placed) == 7:
            raise KeyboardInterrupt
        placed.append(target)
        link(picture, target)

    link = os.link
    monkeypatch.setattr(os, "link", stopped)
    with pytest.raises(KeyboardInterrupt):
        run()
    monkeypatch.undo()
    monkeypatch.setattr(plate, "choose_rasteriser", lambda name: NoRasteriser())
    run()
    assert len(avatar.drawn) == FRAMES
    assert len(list(path.iterdir())) == FRAMES
    assert [entry.name for entry in tmp_path.iterdir()] == ["pictures"]
