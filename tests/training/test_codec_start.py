"""What the codec starts from: which numbers matter, and every large direction told apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from a2p_backend.motion.vq_codec import CodecConfig, VQCodec
from a2p_backend.training.codec import _with_noise_for
from a2p_backend.training.codec_start import (
    emphasis_of,
    reach_of_parameters,
    start_as_principal_components,
)
from a2p_backend.training.scenes import measure_statistics, read_scenes
from kinematics.body import load_default_body

ELBOW, INDEX_TIP, ROOT_FORWARD = 24, 64, 2


@pytest.fixture(scope="module")
def reach(synthetic_dataset: Path) -> np.ndarray:
    statistics = measure_statistics(read_scenes(synthetic_dataset))
    reach = reach_of_parameters(load_default_body(), statistics)
    # The root carries all 88 joints but the world's as far as it goes itself; parameters are decimetres.
    assert reach[ROOT_FORWARD] == pytest.approx(10 * statistics.pose_std[ROOT_FORWARD], rel=0.01)
    return reach


def test_an_elbow_matters_more_than_the_tip_of_a_finger(reach: np.ndarray) -> None:
    assert reach[ELBOW] > 5 * reach[INDEX_TIP]


def test_no_parameter_is_forgotten(reach: np.ndarray) -> None:
    emphasis = emphasis_of(reach, 0.35).numpy()
    assert np.square(emphasis).mean() == pytest.approx(1.0)
    assert emphasis[INDEX_TIP] == emphasis.min() > 0.2
    assert emphasis[ELBOW] / emphasis[ROOT_FORWARD] == pytest.approx(reach[ELBOW] / reach[ROOT_FORWARD])


def test_the_codec_starts_as_a_principal_component_analysis() -> None:
    torch.manual_seed(0)
    codec = VQCodec(CodecConfig(features=20, width=6))
    directions = torch.linalg.qr(torch.randn(20, 20)).Q
    sizes = torch.tensor([4.0, 3.0, 2.5, 2.0, 1.5, 1.0, *[0.1] * 14])
    poses = torch.randn(64, 10, 20) * sizes @ directions.T + torch.randn(20)
    emphasis = 0.5 + torch.rand(20)

    def lost() -> float:
        """Share of the emphasised variance that the way to the latents and back loses, unquantised."""
        decoded = codec.decoder(codec.latents(poses).transpose(1, 2)).transpose(1, 2)
        return float(
            (emphasis * (decoded - poses)).var() / (emphasis * poses).flatten(0, 1).var(dim=0).mean()
        )

    with torch.no_grad():
        assert lost() > 0.5
        start_as_principal_components(codec, poses, emphasis)
        assert lost() < 0.1


def test_noise_moves_latents_as_far_as_the_quantiser() -> None:
    latents, quantised = torch.randn(2, 3, 5, 8)
    noisy = _with_noise_for(latents, quantised)
    torch.testing.assert_close((noisy - latents).norm(dim=-1), (quantised - latents).norm(dim=-1))
    assert not torch.allclose(noisy, quantised)
