"""One denoiser of a whole clip, whatever its length, in memory that does not grow with it.

What a network keeps of a window's audio (keys and values of every layer) is some fifteen times its audio
tokens, and those are what a clip is held as. The keys and values are kept where they fit into a budget, and
computed anew at each step where they do not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor

from a2p_backend.motion.cuda_graph import Graphed
from a2p_backend.motion.film_transformer import Conditions, FiLMTransformer
from a2p_backend.motion.precision import computing_in
from a2p_backend.motion.sampler import Denoiser
from a2p_backend.motion.windows import GUIDE_INTERVAL, Window, WindowBatch, equal_batches, joint_denoiser
from a2p_backend.wire.progress import IsCancelled, raise_if

WINDOWS_AT_ONCE = 4
"""Windows of a long clip that go through a denoiser in one call: enough to keep a processor busy."""

CONDITIONS_BUDGET = 1 << 30
"""Bytes of conditions that are kept from step to step: five minutes of a released face in full precision."""


def windowed_denoiser(
    network: FiLMTransformer,
    windows: Sequence[Window],
    tokens: Sequence[Tensor],
    guide: Tensor | None,
    scale: float,
    cancelled: IsCancelled,
    budget: int = CONDITIONS_BUDGET,
) -> Denoiser:
    """The guided denoiser of a clip (1, T, C) from what it heard of each window.

    tokens: each window's audio tokens (1, L, width). guide: normalised guide poses (1, K, C) of the clip.
    scale: of the guidance. budget: bytes of conditions that may stay in memory.
    """
    heard = dict(zip(windows, tokens, strict=True))
    nulls: dict[tuple[int, int], Conditions] = {}
    batches = []
    for batch in equal_batches(windows, WINDOWS_AT_ONCE):
        raise_if(cancelled)
        audio = tuple(heard[window] for window in batch)
        poses = None if guide is None else _guide_of(batch, guide)
        lengths = (audio[0].shape[1], 0 if poses is None else poses.shape[1])
        if lengths not in nulls:
            nulls[lengths] = network.null_conditions(*lengths)
        conditions: Callable[[], Conditions] = partial(_conditions, network, audio, poses, nulls[lengths])
        size = sum(conditions_size(network, window) for window in audio)
        is_kept = size <= budget
        if is_kept:
            budget -= size
            conditions = _always(conditions())
        denoise = _guided(network, conditions, scale)
        if is_kept and audio[0].is_cuda:
            denoise = Graphed(denoise)
        batches.append(WindowBatch(batch, denoise))
    return joint_denoiser(batches, cancelled)


def unrounded(network: FiLMTransformer, make: Callable[[], Denoiser]) -> Denoiser:
    """A denoiser of `network` in single precision, whatever that computes in; made anew at every call.

    The last of a sampler's steps is worth it: half precision's rounding differs from frame to frame, and
    shakes a motion that no later step smooths.
    """

    def denoise(x: Tensor, step: Tensor) -> Tensor:
        with computing_in(network, torch.float32):
            return make()(x, step)

    return denoise


def conditions_size(network: FiLMTransformer, tokens: Tensor) -> int:
    """Bytes that the conditions of audio tokens (B, L, width) take: a key and a value for every layer."""
    return 2 * network.config.layers * tokens.numel() * network.arithmetic.itemsize


def _conditions(
    network: FiLMTransformer, audio: Sequence[Tensor], poses: Tensor | None, null: Conditions
) -> Conditions:
    """Conditions of windows' tokens, each (1, L, width). A copy of the tokens lasts no longer than this."""
    return network.conditions_of_tokens(torch.cat(list(audio)), poses, null)


def _always(conditions: Conditions) -> Callable[[], Conditions]:
    return lambda: conditions


def _guided(network: FiLMTransformer, conditions: Callable[[], Conditions], scale: float) -> Denoiser:
    # All windows are at one step: a single row says so without a look at the others.
    return lambda x, steps: network.guided(x, steps[:1], conditions(), scale)


def _guide_of(windows: Sequence[Window], guide: Tensor) -> Tensor:
    """The guide poses (W, K, C) that fall into windows of one length."""
    return torch.cat(
        [guide[:, window.start // GUIDE_INTERVAL : -(-window.stop // GUIDE_INTERVAL)] for window in windows]
    )
