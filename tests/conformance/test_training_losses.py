from __future__ import annotations

import pytest
import torch

from a2p_backend.motion.diffusion import Diffusion, motion_losses

from .diffusion_stub import SPACING, features_first, spacing_text, stub_denoiser, time_first

TOLERANCE = {"atol": 1e-6, "rtol": 1e-5}


@pytest.mark.golden("train_loss.*", rf"(?:{SPACING}_)?lv(?P<weight>[\d.]+)_(?P<what>rot_mse|vel_mse|loss|vb)")
def test_losses(golden):
    spacing = golden.groups["spacing"]
    index = torch.from_numpy(golden.require(f"{spacing}_t" if spacing else "t"))
    diffusion = Diffusion.create(spacing_text(spacing))
    motion = time_first(golden.require("x_start"))
    noisy = diffusion.noised(motion, index, time_first(golden.require("noise")))
    prediction = stub_denoiser(noisy, diffusion.step_numbers(index))
    if golden.groups["what"] == "vb":
        golden.check(diffusion.variational_bound(motion, noisy, index, prediction), **TOLERANCE)
        return
    losses = motion_losses(
        prediction,
        motion,
        mask=torch.from_numpy(golden.require("mask"))[:, 0, 0],
        presence=torch.from_numpy(golden.require("missing"))[..., 0],
        velocity_weight=float(golden.groups["weight"]),
    )
    ours = {"rot_mse": losses.position, "vel_mse": losses.velocity, "loss": losses.total}
    golden.check(ours[golden.groups["what"]], **TOLERANCE)


@pytest.mark.golden("train_loss.*", r"x_t|post_mean|post_var|post_logvar")
def test_noising_and_posterior(golden):
    diffusion = Diffusion.create()
    index = torch.from_numpy(golden.require("t"))
    motion, noise = time_first(golden.require("x_start")), time_first(golden.require("noise"))
    if golden.array == "x_t":
        golden.check(features_first(diffusion.noised(motion, index, noise)), **TOLERANCE, time_axis=-1)
    elif golden.array == "post_mean":
        golden.check(
            features_first(diffusion.posterior_mean(motion, noise, index)), **TOLERANCE, time_axis=-1
        )
    else:
        tables = {"post_var": diffusion.posterior_variance, "post_logvar": diffusion.posterior_log_variance}
        golden.check(tables[golden.array][index], **TOLERANCE)
