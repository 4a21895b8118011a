"""Sampling a motion from noise: DDIM, and DPM-Solver++(2M), which needs far fewer steps.

A denoiser is any callable `denoise(x (B, T, C), step (B,) int64) -> x0 (B, T, C)`, conditions and guidance
already inside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from a2p_backend.motion.diffusion import Diffusion
from a2p_backend.wire.progress import IsCancelled, raise_if

Denoiser = Callable[[Tensor, Tensor], Tensor]
Advance = Callable[[Tensor, Tensor, int], Tensor]
"""(x at index, its x0, index) -> x at index - 1; all (B, T, C)."""


def never() -> bool:
    """For a caller that does not cancel."""
    return False


@dataclass(frozen=True, eq=False)
class SamplerState:
    """After a step: how many are done of how many, the noisy sample and the network's x0, both (B, T, C)."""

    done: int
    total: int
    sample: Tensor
    x0: Tensor


def sample(
    denoise: Denoiser,
    noise: Tensor,
    diffusion: Diffusion,
    *,
    order: int = 1,
    last: Denoiser | None = None,
    initial: Tensor | None = None,
    skip: int = 0,
    on_step: Callable[[SamplerState], None] | None = None,
    cancelled: IsCancelled = never,
) -> Tensor:
    """Samples a motion (B, T, C) deterministically from `noise` (B, T, C): the last step's x0.

    order: 1 is DDIM, 2 is DPM-Solver++(2M). last: takes the place of `denoise` at the last step, whose
    rounding nothing smooths any more. initial, skip: see `ddim_states`. `on_step` hears of every step.
    Raises Cancelled, before the denoiser is called again, once `cancelled()` is true.
    """
    x0 = noise
    advance = Multistep(diffusion) if order == 2 else diffusion.ddim_step
    for state in _states(denoise, last or denoise, noise, diffusion, advance, None, initial, skip, cancelled):
        x0 = state.x0
        if on_step is not None:
            on_step(state)
    return x0


def ddim_states(
    denoise: Denoiser,
    noise: Tensor,
    diffusion: Diffusion,
    *,
    eta: float = 0.0,
    step_noise: Callable[[], Tensor] | None = None,
    clip: float | None = None,
    initial: Tensor | None = None,
    skip: int = 0,
    cancelled: IsCancelled = never,
) -> Iterator[SamplerState]:
    """The states of DDIM sampling, one a step, from `noise` (B, T, C) on.

    eta: 0 deterministic to 1 ancestral; above 0 every step takes a noise (B, T, C) from `step_noise`. clip:
    bound of |x0|. initial and skip: start from this motion (B, T, C), noised by `noise`, with the first
    `skip` steps left out.
    """

    def advance(x: Tensor, x0: Tensor, index: int) -> Tensor:
        return diffusion.ddim_step(x, x0, index, eta, step_noise() if step_noise is not None else None)

    return _states(denoise, denoise, noise, diffusion, advance, clip, initial, skip, cancelled)


class Multistep:
    """Steps of DPM-Solver++(2M), the second-order multistep solver for networks that predict x0.

    Lu et al., "DPM-Solver++: Fast Solver for Guided Sampling of Diffusion Probabilistic Models" (2022),
    algorithm 2. The x0 of the step before tells where x0 is heading; the first step and the last, which ends
    on the clean motion, are DDIM's.
    """

    def __init__(self, diffusion: Diffusion) -> None:
        alpha_bar = diffusion.alpha_bar
        self._alpha, self._sigma = np.sqrt(alpha_bar), np.sqrt(1.0 - alpha_bar)
        self._log_snr_half = np.log(self._alpha / self._sigma)
        self._before: Tensor | None = None

    def __call__(self, x: Tensor, x0: Tensor, index: int) -> Tensor:
        """x at index - 1, from x at `index` and the network's x0; called with falling indices."""
        if index == 0:
            return x0
        step = self._log_snr_half[index - 1] - self._log_snr_half[index]
        heading = x0
        if self._before is not None:
            step_before = self._log_snr_half[index] - self._log_snr_half[index + 1]
            heading = x0 + (x0 - self._before) * float(step / (2 * step_before))
        self._before = x0
        kept = float(self._sigma[index - 1] / self._sigma[index])
        return kept * x - float(self._alpha[index - 1] * np.expm1(-step)) * heading


@torch.no_grad()
def _states(
    denoise: Denoiser,
    last: Denoiser,
    noise: Tensor,
    diffusion: Diffusion,
    advance: Advance,
    clip: float | None,
    initial: Tensor | None,
    skip: int,
    cancelled: IsCancelled,
) -> Iterator[SamplerState]:
    if not 0 <= skip < len(diffusion):
        raise ValueError(f"skip is {skip}, of {len(diffusion)} steps")
    if (initial is None) != (skip == 0):
        raise ValueError("skipped steps and an initial motion go together")
    total = len(diffusion) - skip
    x = noise
    if initial is not None:
        x = diffusion.noised(initial, torch.full((len(noise),), total - 1), noise)
    for index in reversed(range(total)):
        raise_if(cancelled)
        step = torch.full((len(x),), int(diffusion.steps[index]), device=x.device)
        x0 = (denoise if index else last)(x, step)
        if clip is not None:
            x0 = x0.clamp(-clip, clip)
        x = advance(x, x0, index)
        yield SamplerState(done=total - index, total=total, sample=x, x0=x0)
