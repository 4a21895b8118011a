"""Motion that stays while the rest is made anew around it: inpainting in the space of clean motion.

At every step the network's clean motion is replaced by what is held, so that the noisy motion of the next
step holds it too, as noisy as the rest, and the network fits the rest to it. Replacement alone leaves a jump
at the edges of a locked range, as large as the network is wrong there. That error is known at the edge, with
its slope: the free frames beside it are bent by both, fading over `FADE` frames.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from a2p_backend.motion.sampler import Denoiser

FADE = 20
"""Frames beside a lock over which the network's motion is bent to meet it; fewer between two close locks."""


@dataclass(frozen=True)
class _Edge:
    """A lock's first or last frame, and the free frames beside it."""

    frame: int
    inward: int
    """Frame of the lock next to it; itself in a lock of one frame."""
    bent: Tensor
    """Frames (W,) going outward."""
    of_error: Tensor
    of_slope: Tensor
    """Weights (W, 1) of the error at the edge, and of its growth per frame outward."""


@dataclass(frozen=True, eq=False)
class Held:
    """What stays of a motion.

    motion: (T, C), of which only what is held counts. frames: (T,) booleans, frames held whole. columns: (C,)
    booleans, columns held throughout.
    """

    motion: Tensor
    frames: Tensor
    columns: Tensor

    def within(self, denoise: Denoiser) -> Denoiser:
        """The denoiser whose clean motion (B, T, C) is this one's with what is held in its place."""
        return lambda x, step: self.put_into(denoise(x, step))

    def put_into(self, motion: Tensor) -> Tensor:
        """A motion (B, T, C) with what is held in its place, the frames beside locks bent to meet it."""
        bent = motion.clone()
        error = self.motion - motion
        for edge in self._edges:
            at_edge = error[:, edge.frame, None]
            slope = at_edge - error[:, edge.inward, None]
            bent[:, edge.bent] += edge.of_error * at_edge + edge.of_slope * slope
        return torch.where(self.frames[:, None] | self.columns, self.motion, bent)

    @cached_property
    def _edges(self) -> tuple[_Edge, ...]:
        return tuple(self._find_edges())

    def _find_edges(self) -> Iterator[_Edge]:
        held = self.frames.tolist()
        total = len(held)
        for frame in (frame for frame in range(total) if held[frame]):
            for outward in (-1, 1):
                free = 0
                while (
                    free < FADE and 0 <= (there := frame + outward * (free + 1)) < total and not held[there]
                ):
                    free += 1
                if free:
                    yield self._edge(frame, outward, free)

    def _edge(self, frame: int, outward: int, free: int) -> _Edge:
        distance = torch.arange(1, free + 1, device=self.motion.device)
        # Cubic Hermite curves from (1, 0) and from (0, 1 a frame) to (0, 0), just past the last bent frame.
        share = (distance.to(self.motion.dtype) / (free + 1))[:, None]
        inward = frame - outward
        is_held = 0 <= inward < len(self.frames) and bool(self.frames[inward])
        return _Edge(
            frame,
            inward if is_held else frame,
            bent=frame + outward * distance,
            of_error=(1 + 2 * share) * (1 - share).square(),
            of_slope=(free + 1) * share * (1 - share).square(),
        )
