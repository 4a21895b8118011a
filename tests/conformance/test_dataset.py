from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from a2p_backend.actors.statistics import Statistics
from a2p_backend.training.dataset import Batch, MotionDataset, collate
from a2p_backend.training.scenes import (
    SAMPLE_RATE,
    SAMPLES_PER_FRAME,
    Scene,
    Signal,
    Splits,
    read_scenes,
    split_scenes,
    wrap_angle,
)

from .diffusion_stub import features_first

SCENES = 8
TOLERANCE = {"atol": 1e-5}
SIGNALS = {"pose": Signal.POSE, "face": Signal.FACE}
SIGNAL = "(?P<signal>pose|face)"


@dataclass
class Replay:
    """Stands for a random generator: checks the bounds that are asked for and gives the stored numbers."""

    draws: list[tuple[int, int, int]] = field(default_factory=list)

    def integers(self, low: int, high: int) -> int:
        expected_low, expected_high, value = self.draws.pop(0)
        assert (low, high) == (expected_low, expected_high)
        return value


def _write_scene(folder: Path, name: str, arrays: dict[str, np.ndarray], stored: str) -> None:
    folder.mkdir(exist_ok=True)
    np.save(folder / f"{name}_body_pose.npy", arrays[f"{stored}_pose"])
    np.save(folder / f"{name}_face_expression.npy", arrays[f"{stored}_face"])
    np.save(folder / f"{name}_missing_face_frames.npy", arrays[f"{stored}_missing_frames"])
    soundfile.write(
        folder / f"{name}_audio.wav", arrays[f"{stored}_audio_i16"], SAMPLE_RATE, subtype="PCM_16"
    )


@pytest.fixture(scope="module")
def splits_of(tmp_path_factory: pytest.TempPathFactory):
    """The stored scenes, repeated in turn, as a person's folder; written once for each golden file."""
    written: dict[Path, Splits] = {}

    def splits(golden) -> Splits:
        if golden.path not in written:
            golden.require("scene0_pose")
            folder = tmp_path_factory.mktemp("dataset") / "PXB184"
            stored = sorted({name.split("_")[0] for name in golden.arrays if re.match(r"scene\d+_", name)})
            for i in range(SCENES):
                _write_scene(folder, f"scene{i:02d}", golden.arrays, stored[i % len(stored)])
            written[golden.path] = split_scenes(read_scenes(folder))
        return written[golden.path]

    return splits


def _statistics(golden) -> Statistics:
    return Statistics(
        pose_mean=golden.require("stats_pose_mean_f64"),
        pose_std=golden.require("stats_pose_std_f64"),
        face_mean=golden.require("stats_code_mean_f64"),
        face_std=golden.require("stats_code_std_f64"),
        audio_mean=golden.require("stats_audio_mean"),
        audio_std=golden.require("stats_audio_std_flat").reshape(()),
    )


def _dataset(golden, scenes: list[Scene], **sizes) -> MotionDataset:
    signal = SIGNALS[golden.groups["signal"]]
    return MotionDataset(scenes, signal, _statistics(golden), released_indexing=True, **sizes)


def _check(golden, batch: Batch, **stored_values) -> None:
    """Compare what the array's name says of a batch; of wide arrays every K-th feature is stored."""
    frames = batch.motion.shape[1]
    values = {
        "motion": features_first(batch.motion),
        "mask": batch.mask[:, None, None],
        "lengths": batch.lengths,
        "alengths": batch.lengths * SAMPLES_PER_FRAME,
        "keyframes": batch.keyframes,
        "klengths": batch.keyframe_lengths,
        "missing_col0": batch.present.float(),
        "missing_shape": torch.tensor([len(batch.motion), frames, batch.motion.shape[2]]),
        "audio": batch.audio,
        "audio_shape": torch.tensor(batch.audio.shape),
        **stored_values,
    }[golden.groups["what"]]
    axis = {"motion": 1, "keyframes": 2}.get(golden.groups["what"])
    if axis is not None:
        step = values.shape[axis] // golden.values.shape[axis]
        values = values.index_select(axis, torch.arange(0, values.shape[axis], step))
    # `first2` in a test array's name counts items, `every397` in a training array's name samples.
    golden.check(values, **TOLERANCE, time_axis=0 if "_test_" in golden.array else 1)


@pytest.mark.golden(
    "dataset.*",
    SIGNAL + "_train_(?P<what>motion|mask|a?lengths|keyframes|klengths|missing_col0|missing_shape|"
    "audio|audio_shape|seq_used)",
)
def test_training_items(golden, splits_of):
    prefix = f"{golden.groups['signal']}_train"
    draws = [tuple(row) for row in golden.require(f"{prefix}_randint_lo_hi_value").tolist()]
    numbers = golden.require(f"{prefix}_items").tolist()
    # Of the two draws of an item the second is its length, below the longest.
    shortest, longest, _ = draws[1]
    dataset = _dataset(golden, splits_of(golden).train, shortest=shortest, longest=longest)
    rng = Replay(draws)
    batch = collate([dataset.item(number, rng) for number in numbers], dataset.signal)
    _check(golden, batch, seq_used=batch.scenes)


@pytest.mark.golden("dataset.*", SIGNAL + "_nopad_(?P<what>motion|keyframes)")
def test_unpadded_items(golden, splits_of):
    scenes = splits_of(golden).train
    longest = golden.require(f"{golden.groups['signal']}_nopad_motion").shape[-1]
    dataset = _dataset(golden, scenes, shortest=None, longest=longest)
    number = int(golden.require(f"{golden.groups['signal']}_train_items")[0])
    starts = golden.require(f"{golden.groups['signal']}_nopad_start").tolist()
    rng = Replay([(0, scenes[0].frames - longest, start) for start in starts])
    _check(golden, collate([dataset.item(number, rng) for _ in starts], dataset.signal))


@pytest.mark.golden(
    "dataset.*", SIGNAL + "_test_(?P<what>motion|keyframes|lengths|missing_col0|inv_transform|n_chunks)"
)
def test_test_chunks(golden, splits_of):
    prefix = f"{golden.groups['signal']}_test"
    longest = golden.require(f"{prefix}_motion_first2").shape[-1]
    dataset = _dataset(golden, splits_of(golden).test, shortest=None, longest=longest)
    chunks = dataset.chunks()
    if golden.groups["what"] == "n_chunks":
        assert len(chunks) == golden.values
        return
    order = golden.require(f"{prefix}_permutation")[: golden.batch]
    batch = collate([dataset.chunk(*chunks[i]) for i in order], dataset.signal)
    denormalise = {
        Signal.POSE: dataset.statistics.denormalise_pose,
        Signal.FACE: dataset.statistics.denormalise_face,
    }
    _check(
        golden,
        batch,
        inv_transform=torch.from_numpy(denormalise[dataset.signal](batch.motion.numpy()))[:, None],
    )


@pytest.mark.golden("dataset.*", SIGNAL + "_get_idx_table")
def test_scene_of_an_item(golden, splits_of):
    dataset = _dataset(golden, splits_of(golden).train)
    assert [[number, dataset.scene_of(number)] for number in golden.values[:, 0]] == golden.values.tolist()


@pytest.mark.golden("dataset.*", "test_chunk_count_table")
def test_chunk_count(golden):
    for frames, longest, count in golden.values.tolist():
        motion = np.empty((frames, 0))
        scene = Scene("scene", Path("scene.wav"), motion, motion, np.ones(frames, dtype=bool))
        dataset = MotionDataset(
            [scene], Signal.POSE, statistics=None, longest=longest, shortest=None, released_indexing=True
        )
        assert len(dataset.chunks()) == count, (frames, longest)


@pytest.mark.golden("dataset.*", r"wrap_out_(?P<precision>float\d+)")
def test_angle_wrap(golden):
    golden.check(wrap_angle(golden.require(golden.array.replace("_out_", "_in_"))), atol=1e-6)


@pytest.mark.golden("dataset.*", r"wrapped_scene(?P<scene>\d+)_pose_(?:PXB184|RLW104)")
def test_wrapped_pose(golden, splits_of):
    scene = splits_of(golden).train[int(golden.groups["scene"])]
    golden.check(scene.motion(Signal.POSE, 0, scene.frames), atol=1e-6)


@pytest.mark.golden("dataset.*", r"missing_mask_scene(?P<scene>\d+)")
def test_captured_faces(golden, splits_of):
    scene = splits_of(golden).train[int(golden.groups["scene"])]
    golden.check(scene.present[:, None].astype(np.float64), atol=0)


@pytest.mark.golden("flip_cases.*")
def test_flip_person(golden, tmp_path):
    cases = golden.json()
    audio = np.stack([np.full(SAMPLES_PER_FRAME, 8192), np.full(SAMPLES_PER_FRAME, -4096)], axis=1).astype(
        np.int16
    )
    people = sorted({*cases, *(case["directory_loaded"] for case in cases.values())})
    for mark, person in enumerate(people):
        scene = {
            "s_pose": np.full((1, 104), mark, np.float32),
            "s_face": np.zeros((1, 256), np.float32),
            "s_missing_frames": np.zeros(0, np.int64),
            "s_audio_i16": audio,
        }
        _write_scene(tmp_path / person, "scene01", scene, "s")
    for person, case in cases.items():
        (scene,) = read_scenes(tmp_path / person, flip_person=True)
        assert people[int(scene.pose[0, 0])] == case["directory_loaded"]
        assert (scene.audio(0, 1)[0, 0] < 0) == case["channels_swapped"]
        assert scene.wraps_root_angle == case["angle_wrap_applied"]
