"""Names and shapes of the released checkpoints' tensors, and the weights that the goldens fill them with."""

from __future__ import annotations

import functools
import json
import re
from typing import Any

import numpy as np
import pytest
import torch
import torchaudio
from torch import nn

from a2p_backend.audio.wav2vec import INPUT_RATE, NETWORK_RATE, LipAudioEncoder, Wav2Vec, Wav2VecConfig
from a2p_backend.bench.seeding import seeded_value
from a2p_backend.motion.film_decoder import RotaryCode
from a2p_backend.motion.film_transformer import FiLMConfig, FiLMTransformer
from a2p_backend.motion.guide_transformer import GuideConfig, GuideTransformer
from a2p_backend.motion.lip_regressor import LipRegressor, PositionCode
from a2p_backend.motion.vq_codec import CodecConfig, VQCodec

from .goldens import DEFAULT_FOLDER, Golden

NOT_LEARNED = r".*(rotary\.freqs|\.pe|resampler\.kernel)"
"""Constants, which we compute."""
FROZEN_COPIES = r"(audio_model|lip_model)\..*"
"""Each motion checkpoint holds the frozen networks once more."""
NEVER_RUN = r".*(vector_quantizer|wav2vec_predictions|project_mean_shape)\..*"
AGGREGATOR = r"feature_aggregator\..*"
"""Of vq-wav2vec the extractor alone is used."""


@pytest.mark.golden(r"state_dict_keys.*")
@pytest.mark.parametrize(
    "kind",
    ["diffusion_face", "diffusion_pose", "guide", "vq", "lip_regressor", "vq_wav2vec", "wav2vec_large"],
)
def test_our_keys_are_the_released_ones(golden: Golden, kind: str) -> None:
    checkpoint = golden.json().get(kind)
    if checkpoint is None:
        pytest.skip(f"{golden.path.name} does not describe {kind}")
    passed_over = [NOT_LEARNED, FROZEN_COPIES, NEVER_RUN, *([AGGREGATOR] if kind == "vq_wav2vec" else [])]
    released = {
        key: tuple(entry["shape"])
        for key, entry in checkpoint["keys"].items()
        if not any(re.fullmatch(pattern, key) for pattern in passed_over)
    }
    ours = {key: tuple(value.shape) for key, value in _network(kind, checkpoint).state_dict().items()}
    assert ours == released


@pytest.mark.golden(r"state_dict_keys.*")
def test_audio_layers_of_a_guide_are_read_from_its_keys(golden: Golden) -> None:
    checkpoint = golden.json().get("guide")
    if checkpoint is None:
        pytest.skip(f"{golden.path.name} does not describe the guide")
    keys = checkpoint["keys"]
    assert GuideConfig.audio_layers_of(keys) == checkpoint["constructor"]["num_audio_layers"]
    extra = checkpoint.get("extra_keys_if_num_audio_layers_3")
    if extra:
        assert GuideConfig.audio_layers_of([*keys, *extra]) == 3


@pytest.mark.golden(r"weights_check.*")
def test_seeded_weights(golden: Golden) -> None:
    for title, checks in golden.json().items():
        kind = title.split()[0]  # what follows names the prefix that the keys already carry
        for key, check in checks.items():
            values, label = _seeded(kind, key), f"{key} of {title}"
            np.testing.assert_allclose(values.flat[:3], check["first3"], atol=1e-6, rtol=0, err_msg=label)
            exact = values.astype(np.float64)
            tolerance = {"rtol": 1e-6, "atol": 1e-6, "err_msg": label}
            np.testing.assert_allclose(exact.sum(), check["sum_f64"], **tolerance)
            np.testing.assert_allclose(np.square(exact).sum(), check["sumsq_f64"], **tolerance)


def _network(kind: str, checkpoint: dict[str, Any]) -> nn.Module:
    sizes = checkpoint.get("constructor", {})
    # Sizes only: no memory is filled.
    with torch.device("meta"):
        match kind:
            case "diffusion_face":
                return FiLMTransformer(FiLMConfig.released_face(sizes["layers_arg"], sizes["heads_arg"]))
            case "diffusion_pose":
                return FiLMTransformer(FiLMConfig.released_body(sizes["layers_arg"], sizes["heads_arg"]))
            case "guide":
                return GuideTransformer(
                    GuideConfig(
                        codes=sizes["tokens"],
                        width=sizes["dim"],
                        layers=sizes["num_layers"],
                        heads=sizes["num_heads"],
                        feed_forward=sizes["ff_size"],
                        audio_layers=sizes["num_audio_layers"],
                        max_audio_steps=sizes["emb_len"],
                    )
                )
            case "vq":
                return VQCodec(
                    CodecConfig(
                        features=sizes["n_vertices"],
                        width=sizes["latent_dim"],
                        codes=sizes["categories"],
                        depth=sizes["residual_depth"],
                    )
                )
            case "lip_regressor":
                return LipRegressor(LipAudioEncoder())
            case "vq_wav2vec":
                return Wav2Vec(Wav2VecConfig.vq_wav2vec())
    return Wav2Vec(Wav2VecConfig.wav2vec_large())


def _seeded(kind: str, key: str) -> np.ndarray:
    """The golden value of a tensor: by its name, or computed where it is a constant."""
    shape = _shapes(kind)[key]
    value = seeded_value(key, shape)
    if value is not None:
        return value
    if key.endswith("freqs"):
        return RotaryCode(2 * shape[0]).freqs.numpy()
    if key.endswith(".pe"):
        return PositionCode(width=shape[1], positions=shape[0]).pe.numpy()
    assert key.endswith(".kernel"), f"{key} is left as the original constructs it, at random"
    return torchaudio.transforms.Resample(INPUT_RATE, NETWORK_RATE).kernel.numpy()


@functools.cache
def _shapes(kind: str) -> dict[str, tuple[int, ...]]:
    """Shapes of a released checkpoint's tensors by their names in the goldens."""
    manifest = (DEFAULT_FOLDER / "motion" / "state_dict_keys.json").read_text(encoding="utf-8")
    prefix = {"lip_regressor": "lip_model.", "vq_wav2vec": "audio_model."}.get(kind, "")
    keys = json.loads(manifest)[kind]["keys"]
    return {prefix + key: tuple(entry["shape"]) for key, entry in keys.items()}
