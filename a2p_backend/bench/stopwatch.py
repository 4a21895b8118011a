"""Where the time goes: methods of live objects are timed while they do their work."""

from __future__ import annotations

import functools
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch


class Stopwatch:
    """Seconds of each call, by stage. Stages must not call each other."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._calls: dict[str, list[float]] = defaultdict(list)

    @contextmanager
    def watching(self, *watched: tuple[str, object, str]) -> Iterator[None]:
        """Time the methods (stage, object, method's name) for as long as the block lasts."""
        for stage, owner, method in watched:
            setattr(owner, method, self._timed(stage, getattr(owner, method)))
        try:
            yield
        finally:
            for _, owner, method in watched:
                delattr(owner, method)  # the class's method shows again

    def calls(self, stage: str) -> list[float]:
        """Seconds of each call of a stage, in order."""
        return self._calls[stage]

    def now(self) -> float:
        """Seconds since some start, once the device has done what it was given."""
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
        return time.perf_counter()

    def _timed(self, stage: str, method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def timed(*args: Any, **kwargs: Any) -> Any:
            start = self.now()
            result = method(*args, **kwargs)
            self._calls[stage].append(self.now() - start)
            return result

        return timed
