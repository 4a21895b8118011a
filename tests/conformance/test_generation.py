from __future__ import annotations

import functools
from pathlib import Path

import pytest
import torch

from a2p_backend.motion.diffusion import Diffusion
from a2p_backend.motion.sampler import Denoiser, SamplerState, ddim_states

from . import networks
from .diffusion_stub import SPACING, features_first, spacing_text, time_first

GUIDANCE = {"pose": 2.0, "face": 10.0}
TOLERANCE = {"pose": 1e-4, "face": 2e-2}
TIME_AXIS = 3  # of (B, C, 1, T)

_states: dict[Path, list[SamplerState]] = {}


def _denoiser(kind: str, inputs: Path, batch: int) -> Denoiser:
    """The guided denoiser of the first clips of the inputs."""
    if kind == "pose":
        network, conditions = networks.body_denoiser(), networks.body_conditions(inputs, batch)
    else:
        network, conditions = networks.face_denoiser(), networks.face_conditions(inputs, batch)
    return functools.partial(network.guided, conditions=conditions, scale=GUIDANCE[kind])


def _generated(golden) -> list[SamplerState]:
    """Every state of a file's generation, which all its arrays are compared with."""
    if golden.path not in _states:
        noise = time_first(golden.require("noise"))
        denoise = _denoiser(golden.groups["kind"], golden.inputs_path(), len(noise))
        diffusion = Diffusion.create(spacing_text(golden.groups["spacing"]))
        _states[golden.path] = list(ddim_states(denoise, noise, diffusion))
    return _states[golden.path]


@pytest.mark.timeout(3600)  # another folder's spacing may take hundreds of steps
@pytest.mark.golden(
    rf"ddim_(?P<kind>pose|face)_{SPACING}_t\d+.*",
    r"final|(?:sample_after|pred_xstart)_step(?P<step>\d+)|sample_mid",
)
@torch.no_grad()
def test_generation(golden):
    states = _generated(golden)
    if golden.array.startswith("final"):
        _check(golden, states[-1].x0)
    elif golden.array.startswith("pred"):
        _check(golden, states[int(golden.groups["step"])].x0)
    elif golden.groups["step"]:
        _check(golden, states[int(golden.groups["step"])].sample)
    else:
        _check_mid(golden, states)


def _check(golden, motion: torch.Tensor) -> None:
    golden.check(features_first(motion), atol=TOLERANCE[golden.groups["kind"]], time_axis=TIME_AXIS)


def _check_mid(golden, states: list[SamplerState]) -> None:
    """The stored "mid" is step 5 of 10: in another spacing it may be step 5 or the one half-way."""
    try:
        _check(golden, states[len(states) // 2].sample)
    except AssertionError:
        _check(golden, states[min(5, len(states) - 1)].sample)
