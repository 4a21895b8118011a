from __future__ import annotations

import numpy as np
import pytest

from a2p_backend.motion.diffusion import Diffusion, SpacingError, cosine_betas, kept_steps, linear_betas

from .diffusion_stub import SPACING, spacing_text

TABLES = {
    "timesteps": lambda diffusion: diffusion.steps,
    "betas": lambda diffusion: diffusion.betas,
    "alphas_cumprod": lambda diffusion: diffusion.alpha_bar,
    "posterior_variance": lambda diffusion: diffusion.posterior_variance,
    "posterior_log_variance_clipped": lambda diffusion: diffusion.posterior_log_variance,
    "posterior_mean_coef1": lambda diffusion: diffusion.posterior_weight_of_x0,
    "posterior_mean_coef2": lambda diffusion: diffusion.posterior_weight_of_x,
    "sqrt_recip_alphas_cumprod": lambda diffusion: np.sqrt(1 / diffusion.alpha_bar),
    "sqrt_recipm1_alphas_cumprod": lambda diffusion: np.sqrt(1 / diffusion.alpha_bar - 1),
}


@pytest.mark.golden("schedule.*", rf"(?P<table>{'|'.join(TABLES)})_{SPACING}")
def test_tables(golden):
    diffusion = Diffusion.create(spacing_text(golden.groups["spacing"]))
    golden.check(TABLES[golden.groups["table"]](diffusion), atol=0, rtol=1e-12, time_axis=0)


@pytest.mark.golden("schedule.*", r"betas_(?P<form>cosine|linear)_(?P<steps>\d+)")
def test_full_betas(golden):
    form = {"cosine": cosine_betas, "linear": linear_betas}[golden.groups["form"]]
    golden.check(form(int(golden.groups["steps"])), atol=0, rtol=1e-12, time_axis=0)


@pytest.mark.golden("respacing_cases.*")
def test_respacing(golden):
    for spacing, expected in golden.json().items():
        if "error" in expected:
            with pytest.raises(SpacingError):
                kept_steps(spacing)
            continue
        steps = kept_steps(spacing)
        ours = {
            "n": len(steps),
            "last": steps[-1],
            "stride": steps[1] - steps[0] if len(steps) > 1 else None,
            "steps": list(steps),
            "timesteps": list(steps),
        }
        assert {key: ours[key] for key in expected.keys() & ours.keys()} == {
            key: expected[key] for key in expected.keys() & ours.keys()
        }, spacing
