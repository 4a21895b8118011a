"""The plate: right length, right sound, the figure where the camera says, nothing left of a cancelled one."""

from __future__ import annotations

import contextlib
import errno
import io
import logging
import os

import av
import numpy as np
import pytest

from a2p_backend.avatar import contact_sheet as contact_sheet_module
from a2p_backend.avatar import video
from a2p_backend.avatar.contact_sheet import (
    PictureError,
    contact_sheet,
    read_frames,
    read_picture,
    write_png,
)
from a2p_backend.avatar.figure import Figure
from a2p_backend.avatar.plate import render_plate
from a2p_backend.avatar.portrait import FigureAvatar
from a2p_backend.avatar.video import VideoError, in_background, open_plate, open_video
from a2p_backend.wire.progress import Cancelled
from a2p_backend.wire.settings import PlateSettings
from kinematics.camera import frame_figure
from kinematics.face_codes import FACE_CODE_NAMES
from kinematics.stage import place_on_stage

SETTINGS = PlateSettings(96, 128, "opengl")


def decode(path):
    with av.open(str(path)) as container:
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    with av.open(str(path)) as container:
        sound = [frame.to_ndarray() for frame in container.decode(audio=0)]
        duration = container.streams.audio[0].duration * container.streams.audio[0].time_base
    return pictures, np.concatenate(sound, axis=1), duration


def test_a_plate(tmp_path, gl, body, performance):
    tone = np.zeros((16000, 2), np.float32)
    tone[:, 0] = 0.5 * np.sin(2 * np.pi * 440 * np.arange(16000) / 48000)
    steps = []
    path = tmp_path / "plate.mp4"
    avatar = FigureAvatar(body, FACE_CODE_NAMES)
    render_plate(performance, avatar, path, SETTINGS, tone, steps.append, lambda: False)

    assert [(step.done, step.total) for step in steps] == [(i, 6) for i in range(1, 7)]
    assert list(tmp_path.iterdir()) == [path]
    pictures, sound, duration = decode(path)
    assert len(pictures) == 6
    assert pictures[0].shape == (128, 96, 3)
    # 6 frames are 0.2 s, though the recording is longer; its left channel is the actor's.
    assert float(duration) == pytest.approx(0.2, abs=1e-3)
    assert np.abs(sound[0, :9600]).max() == pytest.approx(0.5, abs=0.15)  # AAC overshoots at the onset
    assert np.abs(sound[1, :9600]).max() < 0.05

    # The head's dark hair, the shirt and the pale shoes are where the camera projects them.
    figure = Figure(body, FACE_CODE_NAMES)
    vertices = figure.posed(place_on_stage(body, performance.pose)[:1], performance.face[:1])[0]
    image = frame_figure("front", 96, 128).project(vertices)
    top, bottom = image[:, 1].min(), image[:, 1].max()
    column = pictures[0][:, 46:50].astype(float).mean(axis=1)
    hair = column[int(top) + 2]
    shirt = column[int(top + 0.35 * (bottom - top))]
    assert hair.max() < 90
    assert shirt[2] > shirt[0] + 30
    assert column[max(int(top) - 4, 0)].min() > 80


def test_a_cancelled_plate_leaves_nothing(tmp_path, gl, body, performance):
    steps = []
    with pytest.raises(Cancelled):
        render_plate(
            performance,
            FigureAvatar(body),
            tmp_path / "plate.mp4",
            SETTINGS,
            None,
            steps.append,
            lambda: len(steps) == 2,
        )
    assert len(steps) == 2
    assert not list(tmp_path.iterdir())


def test_some_frames_cut_out(tmp_path, gl, body, performance):
    """A range of frames, from two sides: as PNG pictures, and as a film that has transparency."""
    settings = PlateSettings(96, 128, "opengl", view="both", alpha=True, frames=(2, 4))
    for name in ("pictures", "plate.mov"):
        path = tmp_path / name
        render_plate(performance, FigureAvatar(body), path, settings, None, lambda _: None, lambda: False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pictures", "plate.mov"]
    names = sorted(path.name for path in (tmp_path / "pictures").iterdir())
    assert names == ["00003.png", "00004.png"]
    with av.open(str(tmp_path / "pictures" / names[0])) as container:
        picture = next(container.decode(video=0)).to_ndarray(format="rgba")
    with av.open(str(tmp_path / "plate.mov")) as container:
        (film, _) = [frame.to_ndarray(format="rgba") for frame in container.decode(video=0)]
        assert container.streams.video[0].codec_context.name == "prores"
    assert picture.shape == film.shape == (128, 192, 4)
    assert (picture[0, :, 3] == 0).all()
    assert (picture[45, [48, 144], 3] == 255).all()
    assert np.abs(picture[..., 3].astype(int) - film[..., 3]).max() <= 4
    seen = picture[..., 3] == 255
    assert np.abs(picture[seen].astype(int) - film[seen]).mean() < 8


@pytest.mark.parametrize("name", ["plate.mp4", "plate.avi", "there"])
def test_where_no_plate_with_alpha_can_go(tmp_path, name):
    (tmp_path / "there").mkdir()
    with (
        pytest.raises(VideoError, match=r"name a film \(\.mov\)|it exists"),
        open_plate(tmp_path / name, (64, 64), 30, alpha=True),
    ):
        pass


class _Full(io.BytesIO):
    """A file on a disk with room for `room` bytes more."""

    room = 3000

    def write(self, data):
        self.room -= len(data)
        if self.room < 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(data)

    def writelines(self, parts):
        for part in parts:
            self.write(part)


@pytest.mark.parametrize("name", ["plate.mp4", "plate.mov", "pictures"])
def test_a_full_disk(tmp_path, monkeypatch, name):
    """One sentence, and nothing under the final name, for films and for pictures."""

    @contextlib.contextmanager
    def full(path, mode=0o666):
        yield _Full()

    monkeypatch.setattr(video, "atomic_write", full)
    monkeypatch.setattr(contact_sheet_module, "atomic_write", full)
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 4), np.uint8)
    path, alpha = tmp_path / name, name != "plate.mp4"

    def write() -> None:
        with open_plate(path, (64, 64), 30, alpha=alpha) as film:
            for _ in range(30):
                film.write(noise if alpha else noise[..., :3])

    with pytest.raises(VideoError, match=rf"^Cannot write .* {path}: No space left on device\.$"):
        write()
    assert not list(tmp_path.iterdir())


def test_what_fails_in_the_background_is_heard_of():
    done = []

    def work(number):
        if number == 3:
            raise VideoError("three")
        done.append(number)

    with pytest.raises(VideoError, match="three"), in_background(work) as hand_over:
        list(map(hand_over, range(10)))
    assert done == [0, 1, 2]
    with pytest.raises(VideoError, match="three"), in_background(work) as hand_over:
        hand_over(3)


def test_sound_ends_with_the_picture_and_may_be_short(tmp_path):
    path = tmp_path / "video.mp4"
    with open_video(path, (64, 64), 30, np.ones((1000, 2), np.float32) * 0.1) as writer:
        for _ in range(15):
            writer.write(np.full((64, 64, 3), 128, np.uint8))
    pictures, sound, duration = decode(path)
    assert len(pictures) == 15
    assert float(duration) == pytest.approx(0.5, abs=1e-3)
    assert np.abs(sound[:, 4000:]).max() < 0.02
    assert np.abs(pictures[7].astype(int) - 128).max() <= 2


def test_colours_survive(tmp_path):
    path = tmp_path / "video.mp4"
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:, :32], picture[:, 32:] = (200, 60, 40), (30, 110, 180)
    with open_video(path, (64, 64), 30) as writer:
        writer.write(picture)
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        assert frame.colorspace == 1  # BT.709, as it says
        shown = frame.reformat(format="rgb24", src_colorspace="ITU709").to_ndarray()
    np.testing.assert_allclose(shown[32, 8].astype(int), (200, 60, 40), atol=6)
    np.testing.assert_allclose(shown[32, 56].astype(int), (30, 110, 180), atol=6)


def test_without_h264_there_is_mpeg4_and_a_warning(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(video, "_CODECS", {"no-such-codec": {}, "mpeg4": video._CODECS["mpeg4"]})
    with caplog.at_level(logging.WARNING), open_video(tmp_path / "v.mp4", (64, 64), 30) as writer:
        writer.write(np.zeros((64, 64, 3), np.uint8))
    assert "no-such-codec" in caplog.text
    with av.open(str(tmp_path / "v.mp4")) as container:
        assert container.streams.video[0].codec_context.name == "mpeg4"


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(VideoError, match="No such file"), open_video(tmp_path / "no" / "v.mp4", (64, 64), 30):
        pass


def test_contact_sheet(tmp_path):
    armature, plate = np.full((60, 40, 3), 200, np.uint8), np.full((120, 80, 3), 90, np.uint8)
    sheet = contact_sheet([(armature, plate)] * 3, [0.0, 1.5, 10.2], columns=2, height=120)
    write_png(tmp_path / "preview.png", sheet)
    read = read_picture(tmp_path / "preview.png")
    np.testing.assert_array_equal(read, sheet)
    assert read.shape == (2 * 126 + 6, 2 * 166 + 6, 3)
    assert (read[50, 50], read[50, 130])[0].tolist() == [200, 200, 200]
    assert read[50, 130].tolist() == [90, 90, 90]


def test_frames_of_a_video(tmp_path):
    with open_video(tmp_path / "v.mp4", (64, 64), 30) as writer:
        for level in (40, 120, 200):
            writer.write(np.full((64, 64, 3), level, np.uint8))
    levels = [frame.mean() for frame in read_frames(tmp_path / "v.mp4", [2, 0])]
    assert levels == pytest.approx([40, 200], abs=3)
    with pytest.raises(PictureError, match="no frame 3"):
        read_frames(tmp_path / "v.mp4", [3])
