from __future__ import annotations

import pytest
import torch

from a2p_backend.motion.diffusion import Diffusion
from a2p_backend.motion.sampler import ddim_states, sample

from .diffusion_stub import SPACING, features_first, spacing_text, stub_denoiser, time_first

TOLERANCE = 1e-5


def _diffusion(golden) -> Diffusion:
    return Diffusion.create(spacing_text(golden.groups["spacing"]))


def _noise(golden) -> torch.Tensor:
    return time_first(golden.require("noise"))


@pytest.mark.golden("ddim_stub.*", rf"{SPACING}_final")
def test_result(golden):
    motion = sample(stub_denoiser, _noise(golden), _diffusion(golden))
    golden.check(features_first(motion), atol=TOLERANCE, time_axis=-1)


@pytest.mark.golden("ddim_stub.*", rf"{SPACING}_(?P<what>samples|last_sample|model_t_seen)")
def test_way(golden):
    seen = []

    def denoise(x, step):
        seen.append(int(step[0]))
        return stub_denoiser(x, step)

    samples = [
        features_first(state.sample) for state in ddim_states(denoise, _noise(golden), _diffusion(golden))
    ]
    if golden.groups["what"] == "model_t_seen":
        golden.check(torch.tensor(seen), atol=0)
    elif golden.groups["what"] == "last_sample":
        golden.check(samples[-1], atol=TOLERANCE, time_axis=-1)
    else:
        golden.check(torch.stack(samples[: golden.batch]), atol=TOLERANCE, time_axis=-1)


@pytest.mark.golden("ddim_stub.*", rf"{SPACING}_final_clipped")
def test_clipped(golden):
    *_, last = ddim_states(stub_denoiser, 3 * _noise(golden), _diffusion(golden), clip=1.0)
    golden.check(features_first(last.x0), atol=TOLERANCE, time_axis=-1)


@pytest.mark.golden("ddim_stub.*", rf"{SPACING}_eta(?P<eta>\d+)_(?P<what>final|samples)")
def test_with_noise_at_every_step(golden):
    digits = golden.groups["eta"]
    noises = iter(time_first(golden.require(f"{golden.groups['spacing']}_eta{digits}_noises")))
    states = list(
        ddim_states(
            stub_denoiser,
            _noise(golden),
            _diffusion(golden),
            eta=float(f"{digits[0]}.{digits[1:]}"),
            step_noise=lambda: next(noises),
        )
    )
    if golden.groups["what"] == "final":
        golden.check(features_first(states[-1].x0), atol=TOLERANCE, time_axis=-1)
    else:
        ours = torch.stack([features_first(state.sample) for state in states[: golden.batch]])
        golden.check(ours, atol=TOLERANCE, time_axis=-1)


@pytest.mark.golden("ddim_stub.*", rf"{SPACING}_skip(?P<skip>\d+)_final")
def test_from_an_initial_motion(golden):
    *_, last = ddim_states(
        stub_denoiser,
        _noise(golden),
        _diffusion(golden),
        initial=time_first(golden.require("init_image")),
        skip=int(golden.groups["skip"]),
    )
    golden.check(features_first(last.x0), atol=TOLERANCE, time_axis=-1)
