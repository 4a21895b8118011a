"""What hangs from what: the part that skeletons and rigs have in common."""

from __future__ import annotations

from functools import cached_property

from kinematics.arrays import IntArray


class Hierarchy:
    """J things with unique names, parents before children.

    names: (J,). parents: (J,) int, the number of each one's parent, -1 for a root.
    """

    names: tuple[str, ...]
    parents: IntArray

    def __len__(self) -> int:
        return len(self.names)

    def index(self, name: str) -> int:
        """The number of the one called `name`; KeyError where there is none."""
        return self._indices[name]

    def __contains__(self, name: object) -> bool:
        return name in self._indices

    @cached_property
    def children(self) -> tuple[tuple[int, ...], ...]:
        """The children of each, in order."""
        lists: list[list[int]] = [[] for _ in self.names]
        for number, parent in enumerate(self.parents):
            if parent >= 0:
                lists[parent].append(number)
        return tuple(map(tuple, lists))

    @cached_property
    def _indices(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.names)}
