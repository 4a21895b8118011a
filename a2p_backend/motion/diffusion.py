"""Gaussian diffusion over motion: noise schedules, respacing, the DDIM step and the training losses.

Motion is (B, T, C) throughout. A network predicts the clean motion x0 from a noisy one, and is told the
step number of the full schedule of 1000; everything here counts the kept steps by their index, 0 the
cleanest. Sources: Ho et al. 2020 (posterior, variational bound), Nichol and Dhariwal 2021 (cosine
schedule), Song et al. 2021 (DDIM).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from kinematics.errors import A2PError

FULL_STEPS = 1000

_COSINE_OFFSET = 0.008
_MAX_BETA = 0.999
_HALF_BIN = 1 / 255
_EDGE = 0.999
_MIN_PROBABILITY = 1e-12


class SpacingError(A2PError):
    """A spacing of diffusion steps that cannot be read or cannot be met."""


def cosine_betas(steps: int = FULL_STEPS) -> np.ndarray:
    """Betas (steps,), float64, of the squared-cosine schedule of alpha_bar, capped at 0.999."""

    def alpha_bar(time: float) -> float:
        return math.cos((time + _COSINE_OFFSET) / (1 + _COSINE_OFFSET) * math.pi / 2) ** 2

    return np.array(
        [min(1 - alpha_bar((i + 1) / steps) / alpha_bar(i / steps), _MAX_BETA) for i in range(steps)]
    )


def linear_betas(steps: int = FULL_STEPS) -> np.ndarray:
    """Betas (steps,), float64, rising linearly; the ends are scaled so that any count ends as noisy as 1000
    steps.
    """
    scale = FULL_STEPS / steps
    return np.linspace(scale * 1e-4, scale * 0.02, steps)


def kept_steps(spacing: str, total: int = FULL_STEPS) -> tuple[int, ...]:
    """The step numbers that a spacing keeps of `total`, ascending.

    `""` keeps all. `"ddimN"` keeps every k-th from 0 on, with the smallest integer k that gives exactly N.
    `"a,b,c"` cuts the steps into as many sections as there are counts, and keeps that many of each, evenly,
    both ends included; so `"60"` is 60 steps from 0 to the last. `"snrN"` keeps N between which the
    cosine schedule's signal-to-noise ratio changes by about one factor. Raises SpacingError.
    """
    if not spacing:
        return tuple(range(total))
    if spacing.startswith("snr"):
        return _even_snr_steps(_count(spacing, spacing.removeprefix("snr")), total)
    if spacing.startswith("ddim"):
        return _strided_steps(_count(spacing, spacing.removeprefix("ddim")), total)
    counts = [_count(spacing, part.strip()) for part in spacing.split(",")]
    return _section_steps(counts, total)


def spacing_for(steps: int, order: int = 1) -> str:
    """The spacing in which a solver of this order takes `steps` steps.

    DDIM's is the released strided one where it exists, else an even one. Higher orders take one even in the
    logarithm of the signal-to-noise ratio, the variable that DPM-Solver++ integrates over: `a2p bench steps`
    finds it several times nearer so than with steps even in number or in its square root.

    Raises SpacingError below 2, where an even spacing would keep the clean end alone, and above 1000.
    """
    if not 2 <= steps <= FULL_STEPS:
        raise SpacingError(f"A motion takes 2 to {FULL_STEPS} diffusion steps, not {steps}.")
    if order > 1:
        return f"snr{steps}"
    try:
        kept_steps(f"ddim{steps}")
    except SpacingError:
        return str(steps)
    return f"ddim{steps}"


def _count(spacing: str, text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise SpacingError(
            f'The spacing "{spacing}" cannot be read; write "ddim50" or counts such as "10,20,30".'
        )
    return int(text)


def _strided_steps(count: int, total: int) -> tuple[int, ...]:
    for stride in range(1, total):
        steps = range(0, total, stride)
        if len(steps) == count:
            return tuple(steps)
    raise SpacingError(
        f'No integer stride over {total} steps gives {count}; write "{count}" to space them evenly instead.'
    )


def _even_snr_steps(count: int, total: int) -> tuple[int, ...]:
    if not 2 <= count <= total:
        raise SpacingError(f"A spacing even in the signal keeps 2 to {total} steps, not {count}.")
    alpha_bar = np.cumprod(1.0 - cosine_betas(total))
    log_snr = np.log(alpha_bar / (1.0 - alpha_bar))
    # The cap on betas sets the very last step far off from the others: they are even up to the one before,
    # and the last takes its place, since sampling starts from noise alone.
    targets = np.linspace(log_snr[0], log_snr[-2], count)
    kept: list[int] = []
    for i, target in enumerate(targets.tolist()):
        nearest = int(np.abs(log_snr - target).argmin())
        # Where they crowd, they follow each other one by one, and leave room for those to come.
        after_last = kept[-1] + 1 if kept else 0
        kept.append(min(max(nearest, after_last), total - count + i))
    return (*kept[:-1], total - 1)


def _section_steps(counts: list[int], total: int) -> tuple[int, ...]:
    size, longer_sections = divmod(total, len(counts))
    kept: list[int] = []
    start = 0
    for section, count in enumerate(counts):
        length = size + (section < longer_sections)
        if count > length:
            raise SpacingError(f"A section of {length} diffusion steps cannot keep {count}; ask for fewer.")
        stride = (length - 1) / (count - 1) if count > 1 else 1.0
        # Accumulated, not multiplied: the sum's own rounding decides halves, as in the released spacings.
        position = 0.0
        for _ in range(count):
            kept.append(start + round(position))
            position += stride
        start += length
    if not kept:
        raise SpacingError("A spacing must keep at least one diffusion step.")
    return tuple(kept)


@dataclass(frozen=True, eq=False)
class Diffusion:
    """A noise schedule over the kept steps.

    betas: (N,) float64, of the kept steps. steps: (N,) int64, their numbers in the full schedule, which the
    network is given. Tables are float64; an entry is rounded to the motion's own precision before anything
    is computed from it, as the released sampler does: near the clean end 1 - alpha_bar loses digits, and
    other digits would be other motion.
    """

    betas: np.ndarray
    steps: np.ndarray

    @classmethod
    def create(cls, spacing: str = "", full_betas: np.ndarray | None = None) -> Diffusion:
        """The schedule of a spacing (see `kept_steps`) of `full_betas`, by default the cosine schedule of
        1000 steps.
        """
        betas = cosine_betas() if full_betas is None else full_betas
        steps = np.array(kept_steps(spacing, len(betas)), dtype=np.int64)
        alpha_bar = np.cumprod(1.0 - betas)[steps]
        return cls(betas=1.0 - alpha_bar / np.append(1.0, alpha_bar[:-1]), steps=steps)

    def __len__(self) -> int:
        return len(self.betas)

    @cached_property
    def alpha_bar(self) -> np.ndarray:
        """(N,): the share of the clean motion's variance that is left at each step."""
        return np.cumprod(1.0 - self.betas)

    @cached_property
    def alpha_bar_previous(self) -> np.ndarray:
        """(N,): alpha_bar of the next cleaner step; 1 before the first."""
        return np.append(1.0, self.alpha_bar[:-1])

    @cached_property
    def posterior_variance(self) -> np.ndarray:
        """(N,): variance of q(x at i - 1 | x at i, x0); 0 at the first step."""
        return self.betas * (1.0 - self.alpha_bar_previous) / (1.0 - self.alpha_bar)

    @cached_property
    def posterior_log_variance(self) -> np.ndarray:
        """(N,): its logarithm; the first entry, which would be -inf, borrows the second's variance."""
        variance = self.posterior_variance
        return np.log(np.append(variance[min(1, len(variance) - 1)], variance[1:]))

    @cached_property
    def posterior_weight_of_x0(self) -> np.ndarray:
        """(N,): the factor of x0 in the mean of q(x at i - 1 | x at i, x0)."""
        return self.betas * np.sqrt(self.alpha_bar_previous) / (1.0 - self.alpha_bar)

    @cached_property
    def posterior_weight_of_x(self) -> np.ndarray:
        """(N,): the factor of x at i in the same mean."""
        return (1.0 - self.alpha_bar_previous) * np.sqrt(1.0 - self.betas) / (1.0 - self.alpha_bar)

    def step_numbers(self, index: Tensor) -> Tensor:
        """The full schedule's step numbers (B,) of step indices (B,)."""
        return torch.from_numpy(self.steps).to(index.device)[index]

    def noised(self, x0: Tensor, index: Tensor, noise: Tensor) -> Tensor:
        """q(x at index | x0): x0 and noise (B, T, C), index (B,) -> (B, T, C)."""
        return (
            _at(np.sqrt(self.alpha_bar), index, x0) * x0
            + _at(np.sqrt(1.0 - self.alpha_bar), index, x0) * noise
        )

    def posterior_mean(self, x0: Tensor, x: Tensor, index: Tensor) -> Tensor:
        """Mean (B, T, C) of q(x at index - 1 | x at index, x0)."""
        return _at(self.posterior_weight_of_x0, index, x) * x0 + _at(self.posterior_weight_of_x, index, x) * x

    def noise_from_x0(self, x: Tensor, index: Tensor, x0: Tensor) -> Tensor:
        """The noise (B, T, C) that leads from x0 to x at index."""
        scaled = _at(np.sqrt(1.0 / self.alpha_bar), index, x) * x
        return (scaled - x0) / _at(np.sqrt(1.0 / self.alpha_bar - 1.0), index, x)

    def x0_from_noise(self, x: Tensor, index: Tensor, noise: Tensor) -> Tensor:
        """The clean motion (B, T, C) that this noise turned into x at index."""
        scaled = _at(np.sqrt(1.0 / self.alpha_bar), index, x) * x
        return scaled - _at(np.sqrt(1.0 / self.alpha_bar - 1.0), index, x) * noise

    def ddim_step(
        self, x: Tensor, x0: Tensor, index: int, eta: float = 0.0, noise: Tensor | None = None
    ) -> Tensor:
        """One DDIM step from x at `index`, with the network's x0 (both (B, T, C)), to x at index - 1.

        `eta` 0 is deterministic and 1 is ancestral sampling; where it is above 0, `noise` (B, T, C) is
        needed. The last step, index 0, adds no noise and gives x0.
        """
        at = torch.full((len(x),), index)
        alpha_bar = _at(self.alpha_bar, at, x)
        previous = _at(self.alpha_bar_previous, at, x)
        sigma = eta * ((1 - previous) / (1 - alpha_bar)).sqrt() * (1 - alpha_bar / previous).sqrt()
        direction = self.noise_from_x0(x, at, x0)
        stepped = previous.sqrt() * x0 + (1 - previous - sigma.square()).sqrt() * direction
        if eta == 0.0 or index == 0:
            return stepped
        if noise is None:
            raise ValueError("a DDIM step with eta above 0 needs noise")
        return stepped + sigma * noise

    def variational_bound(self, x0: Tensor, x: Tensor, index: Tensor, prediction: Tensor) -> Tensor:
        """Each sample's term (B,) of the variational bound, in bits per value; for logs, it plays no part
        in training.

        x0: clean motion; x: the noisy one at index; prediction: the network's x0; all (B, T, C). Steps
        above 0 give the divergence of the two posteriors, step 0 the discretised likelihood of x0. The mask
        is not applied.
        """
        predicted_mean = self.posterior_mean(prediction, x, index)
        log_variance = _at(self.posterior_log_variance, index, x)
        difference = self.posterior_mean(x0, x, index) - predicted_mean
        divergence = 0.5 * difference.square() * torch.exp(-log_variance)
        likelihood = _discretised_log_likelihood(x0, predicted_mean, 0.5 * log_variance)
        first = (index == 0).to(x.device).view(-1, 1, 1)
        return torch.where(first, -likelihood, divergence).mean(dim=(1, 2)) / math.log(2.0)


@dataclass(frozen=True)
class MotionLosses:
    """Losses of each sample, (B,): positions, velocities (frame differences), and their weighted sum."""

    position: Tensor
    velocity: Tensor
    total: Tensor


def motion_losses(
    prediction: Tensor,
    target: Tensor,
    mask: Tensor,
    presence: Tensor | None = None,
    velocity_weight: float = 0.0,
) -> MotionLosses:
    """Masked mean squared errors of a clean motion's prediction.

    prediction, target: (B, T, C). mask: (B, T), true inside the clip. presence: (B, T), false where the
    frame was not captured; it weighs positions only, as the released training does. A sample with nothing
    to see has loss 0.
    """
    inside = mask.to(target.dtype)
    seen = inside if presence is None else inside * presence.to(target.dtype)
    position = _masked_mean((prediction - target).square(), seen)
    velocity = _masked_mean((prediction - target).diff(dim=1).square(), inside[:, 1:])
    return MotionLosses(position, velocity, position + velocity_weight * velocity)


def _masked_mean(values: Tensor, weights: Tensor) -> Tensor:
    """Mean (B,) of values (B, T, C) over frames weighted by (B, T), 0 or 1."""
    total = (values.sum(dim=2) * weights).sum(dim=1)
    return total / (weights.sum(dim=1).clamp(min=1.0) * values.shape[2])


def _at(table: np.ndarray, index: Tensor, like: Tensor) -> Tensor:
    """The entries (B, 1, 1) of a table (N,) at index (B,), on the device and in the precision of `like`."""
    return torch.from_numpy(table[index.cpu().numpy()]).to(like.device, like.dtype).view(-1, 1, 1)


def _discretised_log_likelihood(x: Tensor, mean: Tensor, log_scale: Tensor) -> Tensor:
    """Natural log-likelihood of x in [-1, 1], rounded to 256 levels, under a Gaussian; the end bins are
    open.
    """
    centred = (x - mean) * torch.exp(-log_scale)
    half_bin = _HALF_BIN * torch.exp(-log_scale)
    below_upper = _normal_cdf(centred + half_bin)
    below_lower = _normal_cdf(centred - half_bin)
    probability = torch.where(
        x < -_EDGE, below_upper, torch.where(x > _EDGE, 1.0 - below_lower, below_upper - below_lower)
    )
    return probability.clamp(min=_MIN_PROBABILITY).log()


def _normal_cdf(x: Tensor) -> Tensor:
    """The tanh approximation of the Gaussian's distribution function that the bound has always been
    reported with.
    """
    return 0.5 * (1.0 + torch.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * x.pow(3))))
