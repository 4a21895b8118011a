"""The training loop that the four trainers share: optimiser, averaged weights, log, checkpoints."""

from __future__ import annotations

import copy
import csv
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from kinematics.errors import A2PError
from kinematics.files import whole_file

Progress = Callable[[int, int, str], None]
"""Called with steps done, steps in all, and a line on how it goes."""


class TrainingError(A2PError):
    """Training cannot start or go on."""


@dataclass(frozen=True)
class LoopConfig:
    """How long and how to train; the same seed on the same machine gives the same weights."""

    steps: int
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    warm_up: int = 300
    average_decay: float = 0.999
    """Of the exponential average of the weights, which is what is kept; 0 keeps the last weights."""
    gradient_norm: float = 1.0
    seed: int = 0
    log_every: int = 100
    validate_every: int = 1000
    save_every: int = 1000

    def rate_at(self, step: int) -> float:
        """Linear warm-up, then half a cosine down to a fiftieth."""
        progress = step / max(self.steps, 1)
        return (
            self.learning_rate
            * min(1.0, (step + 1) / self.warm_up)
            * (0.51 + 0.49 * math.cos(math.pi * progress))
        )


class Trainable:
    """What a trainer brings to the loop; `network` is trained in place."""

    network: nn.Module

    def losses(self, rng: np.random.Generator) -> Mapping[str, Tensor]:
        """Losses of a fresh training batch; "total" is descended."""
        raise NotImplementedError

    def validate(self, network: nn.Module) -> Mapping[str, float]:
        """Figures of the averaged network on the validation scenes."""
        raise NotImplementedError


def fit(
    trainable: Trainable, config: LoopConfig, workspace: Path, name: str, on_progress: Progress | None
) -> nn.Module:
    """Trains, and returns the averaged network, ready to be saved.

    `workspace` receives NAME.checkpoint.pt, from which a stopped training goes on when the call is
    repeated, and NAME.log.csv.

    Raises:
        TrainingError: the checkpoint there belongs to another network, or the loss is no longer finite.
    """
    workspace.mkdir(parents=True, exist_ok=True)
    network = trainable.network
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    averaged = copy.deepcopy(network).eval().requires_grad_(False)
    checkpoint = workspace / f"{name}.checkpoint.pt"
    first = _resume(checkpoint, network, averaged, optimiser)
    log = _Log(workspace / f"{name}.log.csv", fresh=first == 0)
    sums: dict[str, float] = {}
    began = time.monotonic()
    for step in range(first, config.steps):
        # Each step draws from its own stream: a resumed training sees what an unbroken one would have seen.
        torch.manual_seed(config.seed * 1_000_003 + step)
        for group in optimiser.param_groups:
            group["lr"] = config.rate_at(step)
        network.train()
        losses = trainable.losses(np.random.default_rng([config.seed, step]))
        if not torch.isfinite(losses["total"]):
            raise TrainingError(
                f"The loss of the {name} network is no longer finite at step {step}; lower the learning rate."
            )
        optimiser.zero_grad(set_to_none=True)
        losses["total"].backward()
        nn.utils.clip_grad_norm_(network.parameters(), config.gradient_norm)
        optimiser.step()
        _average(averaged, network, min(config.average_decay, (1 + step) / (10 + step)))

        for key, value in losses.items():
            sums[key] = sums.get(key, 0.0) + float(value.detach())
        done = step + 1
        last = done == config.steps
        if done % config.log_every == 0 or last:
            count = (done - 1) % config.log_every + 1
            figures = {key: value / count for key, value in sums.items()}
            sums = {}
            if done % config.validate_every == 0 or last:
                figures |= trainable.validate(averaged)
            log.add(done, time.monotonic() - began, figures)
            if on_progress:
                on_progress(
                    done, config.steps, ", ".join(f"{key} {value:.4f}" for key, value in figures.items())
                )
        if done % config.save_every == 0 or last:
            _save(checkpoint, network, averaged, optimiser, done)
    return averaged


@torch.no_grad()
def _average(averaged: nn.Module, network: nn.Module, decay: float) -> None:
    for kept, current in zip(averaged.parameters(), network.parameters(), strict=True):
        kept.lerp_(current, 1.0 - decay)
    for kept, current in zip(averaged.buffers(), network.buffers(), strict=True):
        kept.copy_(current)


def _save(
    path: Path, network: nn.Module, averaged: nn.Module, optimiser: torch.optim.Optimizer, step: int
) -> None:
    state: dict[str, Any] = {
        "step": step,
        "network": network.state_dict(),
        "averaged": averaged.state_dict(),
        "optimiser": optimiser.state_dict(),
    }
    with whole_file(path) as file:
        torch.save(state, file)


def _resume(path: Path, network: nn.Module, averaged: nn.Module, optimiser: torch.optim.Optimizer) -> int:
    """Loads a checkpoint where there is one; returns the number of steps already done."""
    if not path.exists():
        return 0
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        network.load_state_dict(state["network"])
        averaged.load_state_dict(state["averaged"])
        optimiser.load_state_dict(state["optimiser"])
        return int(state["step"])
    except (OSError, KeyError, ValueError, RuntimeError) as error:
        first = str(error).strip().splitlines()[0]
        raise TrainingError(
            f"{path} does not fit this training ({first}); remove it to start anew."
        ) from error


class _Log:
    """One row for each reported step; columns that a row lacks stay empty."""

    _COLUMNS = ("step", "seconds", "total", "position", "velocity", "feet", "reconstruction", "commitment",
    "cross_entropy",
                "accuracy", "perplexity", "validation", "validation_feet")  # fmt: skip

    def __init__(self, path: Path, *, fresh: bool) -> None:
        self.path = path
        if fresh or not path.exists():
            with path.open("w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerow(self._COLUMNS)

    def add(self, step: int, seconds: float, figures: Mapping[str, float]) -> None:
        row = {
            "step": step,
            "seconds": round(seconds, 1),
            **{key: round(value, 6) for key, value in figures.items()},
        }
        with self.path.open("a", encoding="utf-8", newline="") as file:
            csv.DictWriter(file, self._COLUMNS, extrasaction="raise").writerow(row)
