from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from blender_addon import compat, waveform  # noqa: E402
from blender_addon.scene import sound, strips  # noqa: E402
from kinematics.errors import A2PError  # noqa: E402

pytestmark = [pytest.mark.bpy, pytest.mark.usefixtures("addon")]

RATE = 48000


@pytest.fixture
def steps(tmp_path: Path) -> Path:
    """Three seconds, as loud as 0.1, 0.2 and 0.4 on the left, silent on the right."""
    path = tmp_path / "steps.wav"
    loud = np.repeat([0.1, 0.2, 0.4], RATE)
    samples = (np.stack([loud, np.zeros_like(loud)], axis=1) * 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(samples.tobytes())
    return path


@pytest.mark.usefixtures("sound")
def test_a_strip_is_performed_as_it_is_trimmed(steps: Path, tmp_path: Path) -> None:
    scene = bpy.context.scene
    scene.render.fps = 30
    strip = compat.sound_strips(scene).new_sound("steps", str(steps), 1, 11)
    new = hasattr(strip, "left_handle_offset")  # from Blender 5.2 on
    setattr(strip, "left_handle_offset" if new else "frame_offset_start", 30)
    setattr(strip, "right_handle_offset" if new else "frame_offset_end", 15)
    trim = strips.active_trim(scene)
    assert (trim.sound, trim.start, trim.end, trim.first_frame) == (steps, 1.0, 2.5, 41)
    with wave.open(str(strips.write_trimmed(trim, tmp_path / "clips")), "rb") as file:
        assert (file.getnchannels(), file.getframerate()) == (2, RATE)
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2) / 32767
    assert len(samples) == pytest.approx(1.5 * RATE, abs=2)
    assert samples[RATE // 2, 0] == pytest.approx(0.2, abs=1e-3)
    assert samples[-RATE // 4, 0] == pytest.approx(0.4, abs=1e-3)


@pytest.mark.usefixtures("sound")
def test_a_clip_that_is_heard_already_is_not_heard_twice(steps: Path, tmp_path: Path) -> None:
    (tmp_path / "shots").mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shots" / "scene.blend"))
    scene = bpy.context.scene
    for first_frame in (11, 11, 12):
        sound.add_sound_strip(scene, steps, first_frame)
    found = [compat.strip_timing(strip).start for strip in compat.sound_strips(scene)]
    assert sorted(found) == [11, 12]
    assert all(strip.sound.filepath.startswith("//..") for strip in compat.sound_strips(scene))


def test_without_a_strip_the_user_is_told() -> None:
    with pytest.raises(A2PError, match="no sound strip"):
        strips.active_trim(bpy.context.scene)


@pytest.mark.usefixtures("sound")
def test_the_waveform_shows_how_loud_each_channel_is(steps: Path) -> None:
    peaks = waveform.loudness(steps, 6)
    np.testing.assert_allclose(peaks[:, 0], [0.1, 0.1, 0.2, 0.2, 0.4, 0.4], atol=1e-3)
    assert not peaks[:, 1].any()
    image = waveform.picture(peaks, actor_channel=0)
    lit = (image[..., 0] > 0.5).sum(axis=0)
    assert list(lit) == sorted(lit)
    assert lit[-1] > 2 * lit[0] > 0
