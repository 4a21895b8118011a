"""A service that makes no motion, and a server around it."""

from __future__ import annotations

import threading
import time
import wave
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from a2p_backend.server.server import Server
from a2p_backend.wire.client import ActorInfo, BackendInfo
from a2p_backend.wire.edit import Edit
from a2p_backend.wire.endpoint import Endpoint
from a2p_backend.wire.performance import Performance
from a2p_backend.wire.progress import IsCancelled, IsFinished, OnProgress, Progress, raise_if
from a2p_backend.wire.settings import GenerateSettings, PlateSettings
from kinematics.body import Body, load_default_body
from kinematics.errors import A2PError
from kinematics.face.motion import FaceMotion

STEPS = 3
DEADLINE = 10.0


class FakeService:
    """Each generate runs STEPS steps, every one of which waits for `step_allowed` when `slow` is set."""

    def __init__(self, slow: bool = False) -> None:
        self.slow = slow
        self.step_allowed = threading.Semaphore(0)
        self.began = threading.Semaphore(0)
        self.cancelled = threading.Semaphore(0)

    def hello(self) -> BackendInfo:
        return BackendInfo("1.2.3", "cpu")

    def actors(self) -> tuple[ActorInfo, ...]:
        return (ActorInfo("default", "The default actor", "GPL", ("jaw_open",), True, True),)

    def body(self, actor: str) -> Body:
        if actor != "default":
            raise A2PError(f"No actor is called {actor!r}.")
        return load_default_body()

    def generate(
        self,
        clip: bytes | Path,
        clip_name: str,
        settings: GenerateSettings,
        edit: Edit,
        on_progress: OnProgress,
        cancelled: IsCancelled,
    ) -> Performance:
        content = clip.read_bytes() if isinstance(clip, Path) else clip
        if content == b"bad":
            raise A2PError("The recording is bad.")
        if content == b"bug":
            raise ZeroDivisionError
        self.began.release()
        for step in range(STEPS):
            while self.slow and not self.step_allowed.acquire(timeout=0.01):
                if cancelled():
                    self.cancelled.release()
                raise_if(cancelled)
            on_progress(Progress("body", step + 1, STEPS))
        return Performance(
            pose=np.full((30, 104), settings.seed, np.float32),
            face=np.zeros((30, 256), np.float32),
            guide=np.zeros((1, 104), np.float32),
            actor=settings.actor,
            seed=settings.seed,
            clip_name=clip_name,
            clip_sha256="",
            settings=settings.to_dict(),
            edit=edit.to_dict(),
        )

    def render_plate(
        self,
        performance: Performance,
        clip: bytes | None,
        clip_name: str,
        settings: PlateSettings,
        on_progress: OnProgress,
        cancelled: IsCancelled,
    ) -> bytes:
        return f"{performance.frame_count} {settings.width} {clip!r} {clip_name}".encode()

    def face_motion(
        self, performance: Performance, on_progress: OnProgress, cancelled: IsCancelled
    ) -> FaceMotion:
        on_progress(Progress("face", 1, 1))
        return FaceMotion(np.eye(52), np.full((performance.frame_count, 52), 0.5))

    def record(
        self,
        path: Path,
        seconds: float,
        on_progress: OnProgress,
        cancelled: IsCancelled,
        finished: IsFinished,
    ) -> float:
        """Half-loud until it is to stop; a tenth of a second for each look."""
        self.began.release()
        tenths = 0
        while tenths < round(10 * seconds) and not finished():
            raise_if(cancelled)
            tenths += 1
            on_progress(Progress("recording", tenths, round(10 * seconds), 0.5))
            time.sleep(0.001)
        with wave.open(str(path), "wb") as wav:
            wav.setnchannels(1)
            wav.setsampwidth(2)
            wav.setframerate(48000)
            wav.writeframes(np.full(4800 * tenths, 16384, "<i2").tobytes())
        return tenths / 10


@contextmanager
def serving(service: FakeService, path: Path) -> Iterator[tuple[Server, Endpoint]]:
    """A server in a thread of its own, until the block ends."""
    server = Server(service, path)
    ready = threading.Event()
    found: list[Endpoint] = []

    def on_ready(endpoint: Endpoint) -> None:
        found.append(endpoint)
        ready.set()

    thread = threading.Thread(target=server.serve, args=(on_ready,))
    thread.start()
    try:
        assert ready.wait(DEADLINE)
        yield server, found[0]
    finally:
        server.stop()
        thread.join(DEADLINE)
        assert not thread.is_alive()
