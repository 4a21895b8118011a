"""How far a job is, and how it is stopped: shared by the performer, the server and the client."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

RECORDING_UNITS_A_SECOND = 10
"""A recording's progress is counted in tenths of a second."""


@dataclass(frozen=True)
class Progress:
    """`done` of `total` units of the stage `stage` (a short lower-case phrase, such as "body")."""

    stage: str
    done: int
    total: int
    level: float | None = None
    """Of a recording: how loud it is at the moment, 0 to 1."""

    @property
    def fraction(self) -> float:
        """The share that is done, 0 to 1."""
        return min(max(self.done / self.total, 0.0), 1.0) if self.total > 0 else 0.0


class Cancelled(Exception):  # noqa: N818 - an outcome that was asked for, not an error
    """The job stopped because it was asked to."""


OnProgress = Callable[[Progress], None]
IsCancelled = Callable[[], bool]
IsFinished = Callable[[], bool]
"""Whether a recording is to stop and keep what it has."""


def raise_if(cancelled: IsCancelled) -> None:
    """Raise `Cancelled` when `cancelled()` says so; for the loops of a job."""
    if cancelled():
        raise Cancelled
