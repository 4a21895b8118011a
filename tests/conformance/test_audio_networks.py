"""Resampling, speech features and lip vertices: `audio_t*.npz`, `lip_t*.npz`."""

from __future__ import annotations

import pytest
import torch
import torchaudio

from a2p_backend.audio.wav2vec import INPUT_RATE, NETWORK_RATE, to_network_rate
from a2p_backend.motion.lip_regressor import SAMPLES_PER_FRAME, stretch

from . import networks
from .goldens import Golden

AUDIO = r"audio_t\d+.*"
LIP = r"lip_t\d+.*"


@pytest.mark.golden(AUDIO, "resample_kernel")
def test_resampling_kernel(golden: Golden) -> None:
    golden.check(torchaudio.transforms.Resample(INPUT_RATE, NETWORK_RATE).kernel, atol=1e-7)


@pytest.mark.golden(AUDIO, r"resampled_ch(?P<channel>\d)")
def test_resampling(golden: Golden) -> None:
    audio = networks.audio(golden.inputs_path(), golden.batch)
    golden.check(to_network_rate(audio[..., int(golden.groups["channel"])]), atol=1e-5)


@pytest.mark.golden(AUDIO, r"vqw2v_(?P<log>log|nolog)(?:_ch(?P<channel>\d))?")
def test_audio_features(golden: Golden) -> None:
    network = networks.audio_network(log_compression=golden.groups["log"] == "log")
    ours = network(networks.audio(golden.inputs_path(), golden.batch))
    if golden.groups["channel"] is not None:
        ours = ours.chunk(2, dim=-1)[int(golden.groups["channel"])]
    golden.check(ours, atol=3e-5)


@pytest.mark.golden(AUDIO, "w2v_(?P<part>extractor|aggregator)")
def test_lip_audio_encoder(golden: Golden) -> None:
    encoder = networks.lip_regressor().audio_encoder
    stages: dict[str, torch.Tensor] = {}
    wav2vec = encoder.wav2vec_model
    hooks = [
        wav2vec.feature_extractor.register_forward_hook(lambda *call: stages.update(extractor=call[2])),
        wav2vec.feature_aggregator.register_forward_hook(lambda *call: stages.update(aggregator=call[2])),
    ]
    encoder(networks.audio(golden.inputs_path(), golden.batch)[..., 0])
    for hook in hooks:
        hook.remove()
    golden.check(stages[golden.groups["part"]], atol=3e-5)


@pytest.mark.golden(LIP, r"lip_verts(?:_first(?P<frames>\d+)frames)?")
def test_lip_vertices(golden: Golden) -> None:
    audio = networks.audio(golden.inputs_path(), golden.batch)[..., 0]
    if golden.groups["frames"]:
        audio = audio[:, : int(golden.groups["frames"]) * SAMPLES_PER_FRAME]
    golden.check(networks.lip_regressor()(audio), atol=1e-4)


@pytest.mark.golden(LIP, r"nearest_exact_(?P<frames>\d+)_to_(?P<steps>\d+)")
def test_lips_stretched_to_audio_steps(golden: Golden) -> None:
    frames = torch.arange(int(golden.groups["frames"]), dtype=torch.float32)
    steps = stretch(frames[None, :, None], int(golden.groups["steps"]))[0, :, 0]
    golden.check(steps.to(torch.int32), atol=0, time_axis=0)
