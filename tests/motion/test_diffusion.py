from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from a2p_backend.motion.diffusion import Diffusion, SpacingError, kept_steps, motion_losses, spacing_for


def test_section_counts_keep_both_ends_of_each_section():
    assert kept_steps("2,3", total=11) == (0, 5, 6, 8, 10)
    assert kept_steps("1,2", total=10) == (0, 5, 9)


@pytest.mark.parametrize("count", [2, 16, 100, 999, 1000])
def test_steps_even_in_the_signal_are_all_apart(count):
    steps = kept_steps(f"snr{count}")
    assert (steps[0], steps[-1], len(steps)) == (0, 999, count)
    assert min(after - before for before, after in pairwise(steps)) > 0


def test_few_steps_even_in_the_signal_change_it_by_one_factor():
    alpha_bar = Diffusion.create("snr10").alpha_bar
    changes = np.diff(np.log(alpha_bar / (1 - alpha_bar)))[:-1]
    np.testing.assert_allclose(changes, changes.mean(), rtol=0.25)


@pytest.mark.parametrize(
    "spacing", ["ddim", "snr1", "ddim0", "ddim2000", "ddim-5", "fast", "10,,20", "0", "600,600", "²"]
)
def test_impossible_spacings_are_refused(spacing):
    with pytest.raises(SpacingError):
        kept_steps(spacing)


@pytest.mark.parametrize(("steps", "spacing"), [(50, "ddim50"), (60, "60"), (2, "ddim2"), (1000, "ddim1000")])
def test_any_number_of_steps_has_a_spacing(steps, spacing):
    assert spacing_for(steps) == spacing
    assert len(Diffusion.create(spacing)) == steps


@pytest.mark.parametrize("steps", [0, 1, 1001])
def test_numbers_of_steps_that_make_no_motion_are_refused(steps):
    with pytest.raises(SpacingError):
        spacing_for(steps)


def test_noise_and_motion_are_recovered_from_each_other():
    diffusion = Diffusion.create("ddim20")
    generator = torch.Generator().manual_seed(0)
    motion, noise = torch.randn(2, 3, 8, 4, generator=generator, dtype=torch.float64)
    index = torch.tensor([0, 10, 19])
    noisy = diffusion.noised(motion, index, noise)
    assert torch.allclose(diffusion.noise_from_x0(noisy, index, motion), noise)
    assert torch.allclose(diffusion.x0_from_noise(noisy, index, noise), motion)


def test_losses_see_only_what_the_masks_show():
    target = torch.zeros(1, 4, 2)
    prediction = torch.tensor([[1.0, 100.0, 3.0, 100.0]]).unsqueeze(-1).expand(1, 4, 2)
    inside = torch.tensor([[True, True, True, False]])
    captured = torch.tensor([[True, False, True, True]])
    losses = motion_losses(prediction, target, inside, captured, velocity_weight=2.0)
    assert losses.position.item() == pytest.approx((1 + 9) / 2)
    assert losses.velocity.item() == pytest.approx((99**2 + 97**2) / 2)
    assert losses.total.item() == pytest.approx(5 + 99**2 + 97**2)


def test_a_sample_without_a_captured_frame_has_no_loss():
    nothing = torch.zeros(1, 4, dtype=torch.bool)
    losses = motion_losses(torch.ones(1, 4, 2), torch.zeros(1, 4, 2), nothing, nothing, velocity_weight=1.0)
    assert losses.total.item() == 0.0
