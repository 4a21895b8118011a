from __future__ import annotations

import numpy as np
import pytest
import soundfile

from a2p_backend.actors.statistics import Statistics, StatisticsError
from a2p_backend.training.dataset import MotionDataset
from a2p_backend.training.scenes import DatasetError, Signal, measure_statistics, read_scenes, split_scenes

FRAMES = 60


@pytest.fixture
def folder(tmp_path):
    """Eight scenes; the pose's first number is 100 * scene + frame, the sound a constant per channel."""
    for scene in range(8):
        name = f"scene{scene:02d}"
        pose = np.zeros((FRAMES, 104), np.float32)
        pose[:, 0] = 100 * scene + np.arange(FRAMES)
        np.save(tmp_path / f"{name}_body_pose.npy", pose)
        np.save(tmp_path / f"{name}_face_expression.npy", np.ones((FRAMES, 256), np.float32))
        np.save(tmp_path / f"{name}_missing_face_frames.npy", np.arange(10))
        sound = np.tile(np.array([[0.5, -0.25]]), (FRAMES * 1600, 1))
        soundfile.write(tmp_path / f"{name}_audio.wav", sound, 48_000, subtype="FLOAT")
    return tmp_path


@pytest.fixture
def scenes(folder):
    return read_scenes(folder)


@pytest.fixture
def statistics(scenes):
    return measure_statistics(scenes)


def test_measured_statistics_normalise_and_return(scenes, statistics, tmp_path):
    assert statistics.pose_mean[0] == pytest.approx(350 + 29.5)
    assert statistics.pose_std[1] == 1.0
    assert statistics.audio_mean == pytest.approx([0.5, -0.25])
    assert statistics.audio_std == pytest.approx(0.375)
    pose = scenes[3].motion(Signal.POSE, 0, FRAMES)
    assert statistics.denormalise_pose(statistics.normalise_pose(pose)) == pytest.approx(pose, abs=1e-3)
    statistics.save(tmp_path / "statistics.safetensors")
    loaded = Statistics.load(tmp_path / "statistics.safetensors")
    assert all(np.array_equal(value, vars(loaded)[name]) for name, value in vars(statistics).items())


@pytest.mark.parametrize("content", [b"", b"not safetensors at all"])
def test_damaged_statistics_are_refused(tmp_path, content):
    path = tmp_path / "statistics.safetensors"
    path.write_bytes(content)
    with pytest.raises(StatisticsError, match="add the actor anew"):
        Statistics.load(path)


def test_statistics_cannot_divide_by_zero(statistics):
    with pytest.raises(StatisticsError, match="pose_std"):
        Statistics(**{**vars(statistics), "pose_std": np.zeros(104)})


def test_splits_are_taken_from_the_end(scenes):
    splits = split_scenes(scenes)
    assert [len(splits.train), len(splits.validation), len(splits.test)] == [2, 2, 4]
    with pytest.raises(DatasetError, match="6 scenes"):
        split_scenes(scenes[:6])


def test_a_scene_whose_face_was_never_seen_is_left_out(folder):
    np.save(folder / "scene02_missing_face_frames.npy", np.arange(FRAMES))
    assert [scene.name for scene in read_scenes(folder)] == [f"scene{i:02d}" for i in (0, 1, 3, 4, 5, 6, 7)]


def test_sound_must_fit_the_motion(folder):
    soundfile.write(folder / "scene05_audio.wav", np.zeros((FRAMES * 1600 - 1, 2)), 48_000)
    with pytest.raises(DatasetError, match="95999 samples"):
        read_scenes(folder)


def test_an_array_of_objects_is_refused_unread(folder):
    np.save(folder / "scene05_body_pose.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(DatasetError, match="scene05_body_pose"):
        read_scenes(folder)


def test_every_frame_can_be_drawn_and_the_same_seed_draws_the_same(scenes, statistics):
    dataset = MotionDataset(scenes[:2], Signal.POSE, statistics, longest=FRAMES - 1, shortest=None)
    rng = np.random.default_rng(0)
    starts = {dataset.item(number, rng).start for number in range(20)}
    assert starts == {0, 1}
    one, other = (dataset.batch(4, np.random.default_rng(7)) for _ in range(2))
    assert one.motion.equal(other.motion)
    assert one.scenes.equal(other.scenes)


def test_item_numbers_follow_the_scenes(scenes, statistics):
    dataset = MotionDataset(scenes[:2], Signal.POSE, statistics)
    assert [dataset.scene_of(number) for number in (0, FRAMES - 1, FRAMES, len(dataset) - 1)] == [0, 0, 1, 1]


def test_a_scene_of_exactly_one_item_is_used(scenes, statistics):
    dataset = MotionDataset(scenes[:1], Signal.POSE, statistics, longest=FRAMES, shortest=None)
    assert dataset.item(0, np.random.default_rng(0)).start == 0
    assert dataset.chunks() == [(0, 0)]


def test_a_batch_is_padded_and_masked(scenes, statistics):
    dataset = MotionDataset(scenes[:2], Signal.FACE, statistics, longest=40, shortest=20)
    batch = dataset.batch(6, np.random.default_rng(3))
    assert batch.motion.shape == (6, 40, 256)
    assert batch.audio.shape == (6, 64_000, 2)
    for i, length in enumerate(batch.lengths.tolist()):
        assert batch.mask[i].sum() == length
        frames = batch.starts[i] + np.arange(40)
        assert batch.present[i].tolist() == [bool(f >= 10) and j < length for j, f in enumerate(frames)]
        assert not batch.motion[i, length:].any()
        assert not batch.audio[i, length * 1600 :].any()


def test_the_codec_reads_no_sound(scenes, statistics):
    dataset = MotionDataset(scenes[:2], Signal.POSE, statistics, longest=30, shortest=None, with_audio=False)
    batch = dataset.batch(2, np.random.default_rng(0))
    assert batch.audio.shape == (2, 0, 2)
    assert batch.keyframes.shape == (2, 1, 104)


def test_scenes_too_short_to_draw_from_are_named(scenes, statistics):
    with pytest.raises(DatasetError, match="scene00 has 60 frames"):
        MotionDataset(scenes, Signal.POSE, statistics).item(0, np.random.default_rng(0))
