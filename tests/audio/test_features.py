from __future__ import annotations

import math

import pytest
import torch

from a2p_backend.audio.features import FeaturesError, build_features
from a2p_backend.audio.log_mel import LogMel
from a2p_backend.audio.wav2vec import VQWav2Vec, Wav2VecConfig, Wav2VecConfigError, convolve


def tone(frequency: float, frames: int) -> torch.Tensor:
    """(1600 * frames,) samples at 48 kHz."""
    return 0.1 * torch.sin(2 * math.pi * frequency * torch.arange(1600 * frames) / 48_000)


def test_one_log_mel_step_a_frame_centred_on_it() -> None:
    features = LogMel()
    audio = torch.zeros(1, 1600 * 9, 2)
    audio[0, 4 * 1600 + 800, 1] = 1.0  # a click in the middle of frame 4 of the partner's channel
    steps = features(audio)
    assert steps.shape == (1, 9, features.width) == (1, 9, 82)
    assert steps[0, :, 81].argmax() == 4
    assert (steps[..., :41] == steps[:, :1, :41]).all()


def test_log_mel_tells_pitch_and_loudness() -> None:
    features = LogMel()
    low, high = (features(tone(f, 8)[None, :, None].expand(1, -1, 2))[0, 4] for f in (200.0, 2000.0))
    assert low[:40].argmax() < high[:40].argmax()
    torch.testing.assert_close(low[40], high[40], atol=0.01, rtol=0)
    louder = features(2 * tone(200.0, 8)[None, :, None].expand(1, -1, 2))[0, 4]
    torch.testing.assert_close(louder[40] - low[40], torch.tensor(20 * math.log10(2) / 20), atol=1e-3, rtol=0)


def test_a_window_of_a_clip_sounds_as_the_clip() -> None:
    features = LogMel()
    audio = torch.randn(1, 1600 * 20, 2, generator=torch.Generator().manual_seed(0)) * 0.1
    whole, window = features(audio), features(audio[:, 1600 * 5 : 1600 * 15])
    torch.testing.assert_close(window[:, 1:-1], whole[:, 6:14])


def test_log_mel_refuses_a_fraction_of_a_frame() -> None:
    with pytest.raises(ValueError, match="1601 samples"):
        LogMel()(torch.zeros(1, 1601, 2))


def test_channels_are_encoded_apart_and_stacked() -> None:
    config = Wav2VecConfig(extractor=((8, 10, 5), (8, 8, 4)), skip_connections_feat=True)
    network = VQWav2Vec(config).eval()
    audio = torch.randn(2, 4800, 2, generator=torch.Generator().manual_seed(0))
    swapped = network(audio.flip(-1))
    actor, partner = network(audio).chunk(2, dim=-1)
    torch.testing.assert_close(swapped, torch.cat([partner, actor], dim=-1))


def test_a_checkpoint_says_what_it_is() -> None:
    args = {
        "conv_feature_layers": "[(512, 10, 5), (512, 8, 4)]",
        "conv_aggregator_layers": "[(512, 2, 1)]",
        "activation": "gelu",
        "log_compression": False,
        "skip_connections_feat": False,
        "skip_connections_agg": True,
        "residual_scale": 0.25,
    }
    config = Wav2VecConfig.from_args(args, aggregator=True)
    assert config == Wav2VecConfig(
        ((512, 10, 5), (512, 8, 4)), ((512, 2, 1),), "gelu", log_compression=False, residual_scale=0.25
    )
    for change in ({"activation": "tanh"}, {"agg_zero_pad": True}, {"conv_feature_layers": "exit()"}):
        with pytest.raises(Wav2VecConfigError):
            Wav2VecConfig.from_args(args | change, aggregator=True)


def test_features_are_built_by_kind(tmp_path) -> None:
    assert build_features({"kind": "log_mel", "bands": 20}).width == 42
    for config in ({}, {"kind": "mfcc"}, {"kind": "log_mel", "colour": 1}, {"kind": "vq_wav2vec"}):
        with pytest.raises(FeaturesError):
            build_features(config, tmp_path)
    with pytest.raises(FeaturesError, match=r"missing\.safetensors"):
        build_features({"kind": "vq_wav2vec", "weights": "missing.safetensors"}, tmp_path)


@pytest.mark.parametrize(("kernel", "stride", "samples"), [(10, 5, 64), (4, 2, 31), (3, 1, 7), (1, 1, 5)])
@torch.no_grad()
def test_convolution_by_matrix_products(kernel: int, stride: int, samples: int) -> None:
    convolution = torch.nn.Conv1d(3, 4, kernel, stride)
    x = torch.randn(2, samples, 3)
    expected = convolution(x.transpose(1, 2)).transpose(1, 2)
    torch.testing.assert_close(convolve(x, convolution), expected)


@torch.no_grad()
def test_convolution_in_half_precision_leaves_the_waveform_whole() -> None:
    for channels, least in ((64, 1e-4), (1, 0.0)):
        convolution = torch.nn.Conv1d(channels, 32, 4, 2, bias=False)
        x = torch.randn(2, 200, channels)
        exact, half = convolve(x, convolution), convolve(x, convolution, torch.bfloat16)
        assert half.dtype == torch.float32
        error = ((half - exact).square().mean().sqrt() / exact.std()).item()
        assert least <= error < 0.01
        assert (error == 0) == (channels == 1)
