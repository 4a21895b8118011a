"""Files of the released sizes, filled by the goldens' recipe: what they become gives the goldens' numbers."""

from __future__ import annotations

import argparse
import functools
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from a2p_backend.actors.actor import Actor, load_actor
from a2p_backend.actors.released import add_released_actor
from a2p_backend.audio.clip import load_clip
from a2p_backend.bench.seeding import seeded_value
from a2p_backend.performer import perform
from a2p_backend.wire.settings import GenerateSettings
from tests.conformance.goldens import DEFAULT_FOLDER, read_npz
from tests.conformance.networks import audio, motion
from tests.released_folder import FLAGS, Released, released
from tests.tiny_actor import write_tone

GOLDENS = DEFAULT_FOLDER / "motion"
INPUTS = GOLDENS / "inputs_t120.npz"
EXTRACTOR = "[(512, 10, 5), (512, 8, 4), (512, 4, 2), (512, 4, 2), (512, 4, 2), (512, 1, 1), (512, 1, 1){}]"
AGGREGATOR = str([(512, kernel, 1) for kernel in range(2, 14)])

pytestmark = pytest.mark.slow


@functools.cache
def _value(key: str, shape: tuple[int, ...]) -> torch.Tensor:
    value = seeded_value(key, shape)
    return torch.zeros(shape) if value is None else torch.from_numpy(value)


def _state(kind: str, prefix: str = "") -> dict[str, torch.Tensor]:
    keys = json.loads((GOLDENS / "state_dict_keys.json").read_text(encoding="utf-8"))[kind]["keys"]
    return {key: _value(prefix + key, tuple(entry["shape"])) for key, entry in keys.items()}


def _described(extractor: str, **flags: Any) -> argparse.Namespace:
    return argparse.Namespace(
        conv_feature_layers=extractor,
        conv_aggregator_layers=AGGREGATOR,
        log_compression=True,
        **FLAGS,
        **flags,
    )


def _released() -> Released:
    films = {"not_rotary": False, "noise_schedule": "cosine", "heads": 8}
    return Released(
        face=_state("diffusion_face"),
        body=_state("diffusion_pose"),
        guide={"iteration": 1, "model_state_dict": _state("guide"), "optimizer_state_dict": {}},
        codec={"net": _state("vq")},
        audio={
            "args": _described(EXTRACTOR.format(", (512, 1, 1)"), activation="gelu"),
            "model": _state("vq_wav2vec", "audio_model."),
        },
        lip_audio={"args": _described(EXTRACTOR.format("")), "model": _state("wav2vec_large")},
        lip={"model_state_dict": _state("lip_regressor", "lip_model.")},
        statistics=released().statistics,
        body_assets={},
        args={
            "face": {**films, "layers": 8, "data_format": "face"},
            "body": {**films, "layers": 6, "data_format": "pose"},
            "guide": {"layers": 6, "dim": 64},
            "codec": {"nb_joints": 104, "output_emb_width": 64, "code_dim": 1024, "depth": 4},
        },
        without={"body_assets"},
    )


@pytest.fixture(scope="module")
def actor(tmp_path_factory: pytest.TempPathFactory) -> Actor:
    home = tmp_path_factory.mktemp("released-sizes")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("A2P_ACTORS", str(home / "actors"))
        source = _released().write(home / "source")
        _value.cache_clear()
        add_released_actor("seeded", source)
        shutil.rmtree(source)
        yield load_actor("seeded", torch.device("cpu"))
    shutil.rmtree(home)


@pytest.mark.timeout(900)
@torch.inference_mode()
def test_the_goldens_numbers(actor: Actor) -> None:
    inputs, sound = read_npz(INPUTS), audio(INPUTS, 1)
    features = actor.hear(sound)
    np.testing.assert_allclose(features, read_npz(GOLDENS / "audio_t120.npz")["vqw2v_log"], atol=3e-5)
    heard = actor.hear_face(sound, features)
    lips = actor.lip(sound[..., 0])
    np.testing.assert_allclose(lips, read_npz(GOLDENS / "lip_t120.npz")["lip_verts"], atol=1e-4)
    step = torch.tensor([10])
    face = actor.face(motion(inputs["x_face"]), step, actor.face.conditions(heard))
    np.testing.assert_allclose(face, read_npz(GOLDENS / "face_film_t120.npz")["cond_t10"], atol=5e-4)
    guide = torch.from_numpy(inputs["keyframes"][:1])
    body = actor.denoiser(motion(inputs["x_pose"][:1]), step, actor.denoiser.conditions(features, guide))
    np.testing.assert_allclose(body, read_npz(GOLDENS / "pose_film_t120.npz")["cond_t10"][:1], atol=4e-5)
    tokens = torch.from_numpy(read_npz(GOLDENS / "guide_t120.npz")["prefix"])
    logits = actor.guide.logits(tokens, features)
    np.testing.assert_allclose(logits, read_npz(GOLDENS / "guide_t120.npz")["logits_L2"], atol=5e-5)


@pytest.mark.timeout(900)
def test_a_clip_is_performed(actor: Actor, tmp_path: Path) -> None:
    clip = load_clip(write_tone(tmp_path / "tone.wav", seconds=4, channels=2))
    performance = perform(clip, actor, GenerateSettings("seeded", steps=4))
    assert performance.warnings == clip.warnings
    for part in (performance.pose, performance.face):
        assert np.isfinite(part).all()
        assert np.ptp(part, axis=0).min() > 0
