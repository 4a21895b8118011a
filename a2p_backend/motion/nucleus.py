"""Nucleus (top-p) sampling: draw from the fewest likely entries that hold the asked-for probability.

Holtzman et al., "The Curious Case of Neural Text Degeneration" (2020).
"""

from __future__ import annotations

import torch
from torch import Tensor


def nucleus(logits: Tensor, top_p: float) -> Tensor:
    """Probabilities (..., vocabulary) in which only the nucleus is left, renormalised.

    The most likely entry is kept always, and every entry whose more likely ones together stay below `top_p`.
    """
    ordered, order = torch.softmax(logits, dim=-1).sort(dim=-1, descending=True)
    # The cumulative sum is shifted, not subtracted from: the difference would be rounded once more.
    preceding = torch.cat([torch.zeros_like(ordered[..., :1]), ordered.cumsum(dim=-1)[..., :-1]], dim=-1)
    kept = torch.where(preceding < top_p, ordered, 0.0)
    kept[..., 0] = ordered[..., 0]
    kept = kept / kept.sum(dim=-1, keepdim=True)
    return torch.zeros_like(kept).scatter(-1, order, kept)


def sample_nucleus(logits: Tensor, top_p: float, generator: torch.Generator | None = None) -> Tensor:
    """Draw one index (...) for each row of logits (..., vocabulary) from its nucleus.

    It is drawn where the generator lives, so that a seed means the same whatever the network runs on.
    """
    probabilities = nucleus(logits, top_p).flatten(0, -2)
    if generator is not None:
        probabilities = probabilities.to(generator.device)
    drawn = torch.multinomial(probabilities, 1, generator=generator)
    return drawn.to(logits.device).view(logits.shape[:-1])
