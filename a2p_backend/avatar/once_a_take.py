"""What is found of a whole take, kept for as long as the take is there.

A long plate is drawn in many parts, each of which would look at all of the take again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from a2p_backend.wire.performance import Performance

Found = TypeVar("Found")


class OnceATake(Generic[Found]):
    """`find`, which is called once for each performance."""

    def __init__(self, find: Callable[[Performance], Found]) -> None:
        """find: its result must not hold the performance itself."""
        self._find = find
        self._found: WeakKeyDictionary[Performance, Found] = WeakKeyDictionary()

    def __call__(self, performance: Performance) -> Found:
        if performance not in self._found:
            self._found[performance] = self._find(performance)
        return self._found[performance]
