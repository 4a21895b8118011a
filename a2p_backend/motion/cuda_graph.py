"""A denoiser as one CUDA graph: hundreds of small kernels that the processor starts together."""

from __future__ import annotations

import torch
from torch import Tensor

from a2p_backend.motion.sampler import Denoiser

_WARM_UP = 3
"""Calls before the recording, as torch.cuda.graph asks: libraries choose and load their kernels in them."""


class Graphed:
    """A denoiser whose work is recorded at its first call and replayed from then on.

    Whatever else it reads must stay where it is in memory, and its calls must all have the same shapes.
    """

    def __init__(self, denoise: Denoiser) -> None:
        self._denoise = denoise
        self._graph: torch.cuda.CUDAGraph | None = None

    def __call__(self, x: Tensor, steps: Tensor) -> Tensor:
        if self._graph is None:
            self._graph = self._record(x, steps)
        self._x.copy_(x)
        self._steps.copy_(steps)
        self._graph.replay()
        return self._x0.clone()

    def _record(self, x: Tensor, steps: Tensor) -> torch.cuda.CUDAGraph:
        self._x, self._steps = x.clone(), steps.clone()
        with torch.cuda.device(x.device):
            current, aside = torch.cuda.current_stream(), torch.cuda.Stream()
            aside.wait_stream(current)
            with torch.cuda.stream(aside):
                for _ in range(_WARM_UP):
                    self._denoise(self._x, self._steps)
            current.wait_stream(aside)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                self._x0 = self._denoise(self._x, self._steps)
        return graph
