from __future__ import annotations

import pytest
import torch

from a2p_backend.motion.diffusion import Diffusion, cosine_betas, spacing_for
from a2p_backend.motion.sampler import Multistep, ddim_states, sample
from a2p_backend.wire.progress import Cancelled

DIFFUSION = Diffusion.create("ddim10")


def _noise(frames: int, batch: int = 1, features: int = 3) -> torch.Tensor:
    return torch.randn(batch, frames, features, generator=torch.Generator().manual_seed(1))


def _halved(x: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
    return 0.5 * x + 0.001 * step.view(-1, 1, 1)


def test_cancelling_stops_before_the_next_call():
    calls = []

    def denoise(x, step):
        calls.append(int(step[0]))
        return _halved(x, step)

    with pytest.raises(Cancelled):
        sample(denoise, _noise(20), DIFFUSION, cancelled=lambda: len(calls) >= 3)
    assert calls == [900, 800, 700]


def test_every_step_is_reported_in_order():
    reports = []
    sample(_halved, _noise(20), DIFFUSION, on_step=lambda state: reports.append((state.done, state.total)))
    assert reports == [(done, 10) for done in range(1, 11)]


def test_sampling_leaves_the_noise_and_no_gradients():
    noise = _noise(20)
    kept = noise.clone()
    motion = sample(_halved, noise.requires_grad_(), DIFFUSION)
    assert torch.equal(noise, kept)
    assert not motion.requires_grad


def test_skipping_needs_an_initial_motion():
    with pytest.raises(ValueError, match="initial"):
        next(ddim_states(_halved, _noise(20), DIFFUSION, skip=3))


def _curved(x: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
    """Clean motion that depends on the noisy one in no simple way."""
    return torch.tanh(1.5 * x + 0.3 * x.roll(1, dims=-1)) * (1.2 - step.view(-1, 1, 1) / 2000)


def test_order_two_is_what_diffusers_computes():
    diffusers = pytest.importorskip("diffusers")
    diffusion = Diffusion.create(spacing_for(12, order=2))
    scheduler = diffusers.DPMSolverMultistepScheduler(
        trained_betas=cosine_betas(),
        prediction_type="sample",
        algorithm_type="dpmsolver++",
        solver_order=2,
        final_sigmas_type="zero",
        lower_order_final=False,
    )
    scheduler.set_timesteps(timesteps=list(reversed(diffusion.steps.tolist())))
    x = noise = _noise(20)
    for step in scheduler.timesteps:
        x = scheduler.step(_curved(x, step[None]), step, x).prev_sample
    assert torch.allclose(sample(_curved, noise, diffusion, order=2), x, atol=1e-4)


def test_the_second_order_solver_without_a_past_is_ddim():
    for index in range(1, len(DIFFUSION)):
        x, x0 = _noise(20), _halved(_noise(20), torch.tensor([500]))
        stepped = Multistep(DIFFUSION)(x, x0, index)
        assert torch.allclose(stepped, DIFFUSION.ddim_step(x, x0, index), rtol=1e-4, atol=1e-5)


def _of_normal_data(x: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
    """The best denoiser there is of motions that are normally distributed with a deviation of a half."""
    alpha_bar = torch.from_numpy(Diffusion.create().alpha_bar)[step].view(-1, 1, 1).float()
    return alpha_bar.sqrt() * 0.25 * x / (0.25 * alpha_bar + 1 - alpha_bar)


def test_order_two_needs_far_fewer_steps():
    exact = sample(_of_normal_data, _noise(20), Diffusion.create())

    def error(spacing: str, order: int) -> float:
        motion = sample(_of_normal_data, _noise(20), Diffusion.create(spacing), order=order)
        return float((motion - exact).square().mean().sqrt())

    assert error(spacing_for(20, order=2), order=2) < error("ddim50", order=1)


@pytest.mark.parametrize("order", [1, 2])
def test_skipped_steps_vary_a_motion_less(order):
    initial = torch.ones(1, 20, 3)

    def change(skip: int) -> float:
        motion = sample(_curved, _noise(20), DIFFUSION, order=order, initial=initial, skip=skip)
        return float((motion - initial).square().mean())

    assert change(skip=8) < change(skip=4)
