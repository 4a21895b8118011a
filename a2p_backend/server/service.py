"""What the backend can do, apart from how it is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from a2p_backend.wire.client import ActorInfo, BackendInfo
from a2p_backend.wire.edit import Edit
from a2p_backend.wire.performance import Performance
from a2p_backend.wire.progress import IsCancelled, IsFinished, OnProgress
from a2p_backend.wire.settings import GenerateSettings, PlateSettings
from kinematics.body import Body
from kinematics.face.motion import FaceMotion


class Service(Protocol):
    """The backend's operations.

    They raise A2PError for what the user can mend, and Cancelled soon after `cancelled()` turns true. `hello`
    returns at once; `actors` and `body` run in one thread, `generate`, `render_plate` or `face_motion` in
    another, and `record` in a third, all at the same time.
    """

    def hello(self) -> BackendInfo: ...

    def actors(self) -> tuple[ActorInfo, ...]: ...

    def body(self, actor: str) -> Body: ...

    def generate(
        self,
        clip: bytes | Path,
        clip_name: str,
        settings: GenerateSettings,
        edit: Edit,
        on_progress: OnProgress,
        cancelled: IsCancelled,
    ) -> Performance:
        """clip: the recording, as its file's bytes, which were sent, or as a file of this machine."""
        ...

    def render_plate(
        self,
        performance: Performance,
        clip: bytes | None,
        clip_name: str,
        settings: PlateSettings,
        on_progress: OnProgress,
        cancelled: IsCancelled,
    ) -> bytes:
        """The content of an MP4 file; of a QuickTime file where the settings ask for transparency."""
        ...

    def face_motion(
        self, performance: Performance, on_progress: OnProgress, cancelled: IsCancelled
    ) -> FaceMotion:
        """What ARKit's shapes say of the actor's own head as the performance moves it."""
        ...

    def record(
        self,
        path: Path,
        seconds: float,
        on_progress: OnProgress,
        cancelled: IsCancelled,
        finished: IsFinished,
    ) -> float:
        """Write what the microphone hears to a new WAV file until `finished()`, at most `seconds`.

        Returns its seconds. `finished()` comes before `cancelled()`: what is to be kept is kept.
        """
        ...
