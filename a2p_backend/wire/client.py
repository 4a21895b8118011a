"""The client: asks a running backend for motion and plates without ever blocking its caller.

A Client lives in one thread: its socket is made, used and closed there, and no thread is started. Nothing
happens between calls; whoever uses it calls `Job.poll()` now and then (a timer in Blender), or `Job.wait()`
where blocking is fine. While a job is open, the client asks after the backend every `heartbeat` seconds and
gives it up when nothing at all has come back for `patience` seconds.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
import zmq
from numpy.typing import NDArray

from a2p_backend.wire.edit import UNEDITED, Edit
from a2p_backend.wire.endpoint import Endpoint, read_endpoint
from a2p_backend.wire.performance import Performance
from a2p_backend.wire.progress import Cancelled, OnProgress, Progress
from a2p_backend.wire.protocol import (
    MAX_ARRAY_BYTES,
    Kind,
    Message,
    ProtocolError,
    VersionError,
    decode,
    encode,
)
from a2p_backend.wire.settings import MAX_RECORDING_SECONDS, GenerateSettings, PlateSettings
from kinematics.errors import A2PError

if TYPE_CHECKING:
    from kinematics.body import Body
    from kinematics.face.motion import FaceMotion

MAX_CLIP_BYTES = MAX_ARRAY_BYTES
DEFAULT_HEARTBEAT = 2.0
DEFAULT_PATIENCE = 10.0
DEFAULT_TIMEOUT = 20.0
MAX_MESSAGES_A_POLL = 256

T = TypeVar("T")


class BackendError(A2PError):
    """The backend answered with an error; the message is its own."""


class BackendLostError(A2PError):
    """The backend does not answer any more."""


class ClientTimeoutError(A2PError):
    """A wait ran out of time; the job goes on."""


@dataclass(frozen=True)
class Finished(Generic[T]):
    """The job's last event: it is done."""

    result: T


@dataclass(frozen=True)
class Failed:
    """The job's last event: it failed. `error` is a BackendError or a BackendLostError."""

    error: A2PError


@dataclass(frozen=True)
class Stopped:
    """The job's last event: it was cancelled."""


Event = Progress | Finished[T] | Failed | Stopped


@dataclass(frozen=True)
class BackendInfo:
    """What a backend says of itself: its release, and where its networks run ("cpu", "cuda NAME")."""

    version: str
    device: str


@dataclass(frozen=True)
class ActorInfo:
    """What is known of an actor without loading it."""

    name: str
    title: str
    licence: str
    face_codes: tuple[str, ...]
    performs_body: bool
    performs_face: bool


class Job(Generic[T]):
    """A request that is under way: `poll` gives its events without blocking, `wait` its result."""

    def __init__(self, client: Client, request_id: str, read_result: Callable[[Message], T]) -> None:
        self._client = client
        self._id = request_id
        self._read_result = read_result
        self._new: list[Event[T]] = []
        self._last: Finished[T] | Failed | Stopped | None = None

    @property
    def done(self) -> bool:
        """Whether the last event has come."""
        return self._last is not None

    def poll(self) -> list[Event[T]]:
        """What happened since the last call, oldest first; never blocks."""
        if not self.done:
            self._client._pump(0.0)
        events, self._new = self._new, []
        return events

    def cancel(self) -> None:
        """Ask for the job to stop; it has stopped once `Stopped` comes (or another last event beats it)."""
        if not self.done:
            self._client._send(Message(Kind.CANCEL, {"job": self._id}))

    def finish(self) -> None:
        """Ask a recording to stop and keep what it has, which `Finished` brings; others take no notice."""
        if not self.done:
            self._client._send(Message(Kind.FINISH, {"job": self._id}))

    def wait(self, timeout: float, on_progress: OnProgress | None = None) -> T:
        """Block until the job is done and return its result.

        timeout: seconds. Raises BackendError, BackendLostError, Cancelled, or ClientTimeoutError.
        """
        deadline = time.monotonic() + timeout
        while True:
            for event in self.poll():
                if isinstance(event, Progress) and on_progress is not None:
                    on_progress(event)
            if isinstance(self._last, Finished):
                return self._last.result
            if isinstance(self._last, Failed):
                raise self._last.error
            if isinstance(self._last, Stopped):
                raise Cancelled
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise ClientTimeoutError(f"The backend did not finish within {timeout:g} seconds.")
            self._client._pump(remaining)

    def _take(self, message: Message) -> None:
        """Turn a message of the backend into an event."""
        if self.done:
            return  # a repeated last message: the backend sends one again when in doubt
        if message.kind is Kind.PROGRESS:
            self._new.append(_read_progress(message))
        elif message.kind is Kind.CANCELLED:
            self._finish(Stopped())
        elif message.kind is Kind.ERROR:
            self._finish(Failed(BackendError(str(message.fields.get("message", "The backend failed.")))))
        elif message.kind is Kind.RESULT:
            try:
                self._finish(Finished(self._read_result(message)))
            except (KeyError, TypeError, ValueError) as error:
                self._finish(Failed(BackendError(f"The backend's answer makes no sense: {error!r}.")))
            except A2PError as error:
                self._finish(Failed(error))

    def _finish(self, event: Finished[T] | Failed | Stopped) -> None:
        self._last = event
        self._new.append(event)


class Client:
    """A connection to one backend; a context manager. Use it in the thread that made it."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        heartbeat: float = DEFAULT_HEARTBEAT,
        patience: float = DEFAULT_PATIENCE,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> None:
        """heartbeat, patience: seconds, see the module; timeout: seconds that hello, actors and body wait."""
        self.endpoint = endpoint
        self.timeout = timeout
        self._heartbeat = heartbeat
        self._patience = patience
        self._thread = threading.get_ident()
        self._jobs: dict[str, Job[Any]] = {}
        self._heard_at = time.monotonic()
        self._unanswered_since: float | None = None
        self._asked_at = 0.0
        self._lost: BackendLostError | None = None
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.MAXMSGSIZE, MAX_ARRAY_BYTES)
        self._socket.connect(endpoint.address)

    @classmethod
    def connect(cls, path: Path | None = None, **options: float) -> Client:
        """A client of the backend whose endpoint file is at `path`. Raises EndpointError when none runs."""
        return cls(read_endpoint(path), **options)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the backend, which then cancels what is still open. May be called twice."""
        self._check_thread()
        self._give_up(BackendLostError("The connection to the backend was closed."))
        self._context.term()

    def hello(self) -> BackendInfo:
        """Ask the backend who it is; waits up to `timeout`."""
        return self.ask_hello().wait(self.timeout)

    def actors(self) -> tuple[ActorInfo, ...]:
        """The installed actors; waits up to `timeout`."""
        return self.ask_actors().wait(self.timeout)

    def body(self, actor: str) -> Body:
        """An actor's body; waits up to `timeout`."""
        return self.ask_body(actor).wait(self.timeout)

    def ask_hello(self) -> Job[BackendInfo]:
        """`hello` as a job."""
        return self._ask(Kind.HELLO, read_result=_read_backend)

    def ask_actors(self) -> Job[tuple[ActorInfo, ...]]:
        """`actors` as a job."""
        return self._ask(Kind.ACTORS, read_result=_read_actors)

    def ask_body(self, actor: str) -> Job[Body]:
        """`body` as a job."""
        return self._ask(Kind.BODY, {"actor": actor}, read_result=_read_body)

    def generate(
        self, clip: bytes, clip_name: str, settings: GenerateSettings, edit: Edit = UNEDITED
    ) -> Job[Performance]:
        """Perform a recording, given as its file's bytes. Raises A2PError for one that is too large."""
        return self._ask(
            Kind.GENERATE,
            {"clip_name": clip_name, "settings": settings.to_dict(), "edit": edit.fields()},
            {"clip": _clip_array(clip), **edit.arrays()},
            read_result=_read_performance,
        )

    def render_plate(
        self,
        performance: Performance,
        settings: PlateSettings,
        clip: bytes | None = None,
        clip_name: str = "",
    ) -> Job[bytes]:
        """Render the plate of a performance, with the recording (if given) as its sound.

        The result is the content of an MP4 file; of a QuickTime file (.mov) where `settings.alpha`.
        """
        arrays: dict[str, NDArray[Any]] = dict(performance.arrays())
        if clip is not None:
            arrays["clip"] = _clip_array(clip)
        fields = {"performance": performance.header(), "clip_name": clip_name, "settings": settings.to_dict()}
        return self._ask(Kind.RENDER_PLATE, fields, arrays, read_result=_read_plate)

    def face_motion(self, performance: Performance) -> Job[FaceMotion]:
        """What ARKit's shapes say of the actor's own head as a performance moves it."""
        fields = {"performance": performance.header()}
        return self._ask(Kind.FACE_MOTION, fields, dict(performance.arrays()), read_result=_read_face_motion)

    def record(self, path: Path, seconds: float = MAX_RECORDING_SECONDS) -> Job[float]:
        """Have the backend write what its microphone hears to a new WAV file, until `Job.finish`, at most
        `seconds`; the result is its length in seconds.

        The file is whole when it has its name; see `a2p_backend.audio.unfinished` for what it is until then.
        Once this client is gone, the recording is finished and kept. The progress tells seconds in tenths,
        and the level.
        """
        fields = {"path": str(path.absolute()), "seconds": seconds}
        return self._ask(Kind.RECORD, fields, read_result=_read_recording)

    def _ask(
        self,
        kind: Kind,
        fields: Mapping[str, Any] | None = None,
        arrays: Mapping[str, NDArray[Any]] | None = None,
        *,
        read_result: Callable[[Message], T],
    ) -> Job[T]:
        message = Message(kind, fields or {}, arrays or {})
        job = Job(self, message.id, read_result)
        self._send(message)
        self._jobs[message.id] = job
        return job

    def _send(self, message: Message) -> None:
        self._check_thread()
        if self._lost is not None:
            raise self._lost
        frames = encode(message, self.endpoint.secret)
        try:
            # copies the frames: zero-copy sends would start a thread of pyzmq's own
            self._socket.send_multipart(frames, flags=zmq.DONTWAIT, copy=True)
        except zmq.Again as error:
            raise BackendLostError(
                "The backend takes no more messages: start it anew with `a2p serve`."
            ) from error

    def _pump(self, wait: float) -> None:
        """Take what has come, waiting up to `wait` seconds for it; ask after the backend when due."""
        self._check_thread()
        if self._lost is not None:
            return
        if wait > 0:
            self._socket.poll(int(1000 * min(wait, self._heartbeat / 4)) + 1)
        for _ in range(MAX_MESSAGES_A_POLL):
            try:
                frames = self._socket.recv_multipart(flags=zmq.DONTWAIT)
            except zmq.Again:
                break
            self._receive(frames)
            if self._lost is not None:
                return
        if self._jobs:
            self._ask_after_backend()

    def _receive(self, frames: list[bytes]) -> None:
        try:
            message = decode(frames, self.endpoint.secret)
        except VersionError as error:
            self._give_up(BackendLostError(str(error)))
            return
        except ProtocolError:
            return  # not from our backend
        self._heard_at = time.monotonic()
        self._unanswered_since = None
        job = self._jobs.get(message.reply_to or "")
        if job is not None:
            job._take(message)
            if job.done:
                del self._jobs[message.reply_to or ""]

    def _ask_after_backend(self) -> None:
        """Ping when due; called after all that had come was taken, so that a caller's pause does no harm."""
        now = time.monotonic()
        if now - max(self._heard_at, self._asked_at) < self._heartbeat:
            return
        silent_for = now - self._unanswered_since if self._unanswered_since is not None else 0.0
        if silent_for > self._patience or not self.endpoint.process_runs():
            self._give_up(
                BackendLostError("The backend does not answer any more: start it with `a2p serve`.")
            )
            return
        # the backend answers for each job it lists: still open, finished (sent again), or unknown
        self._send(Message(Kind.PING, {"jobs": sorted(self._jobs)}))
        self._asked_at = now
        if self._unanswered_since is None:
            self._unanswered_since = now

    def _give_up(self, error: BackendLostError) -> None:
        self._lost = error
        self._socket.close(linger=0)  # so that it does not go on trying to reach the port
        jobs, self._jobs = self._jobs, {}
        for job in jobs.values():
            job._finish(Failed(error))

    def _check_thread(self) -> None:
        if threading.get_ident() != self._thread:
            raise RuntimeError("a Client belongs to the thread that made it")


def check_clip(path: Path) -> None:
    """Raises A2PError unless there is a file that can be read."""
    try:
        path.open("rb").close()
    except OSError as error:
        raise A2PError(f"Cannot read the recording {path}: {error.strerror or error}.") from error


def read_clip(path: Path) -> bytes:
    """A recording's bytes, as `Client.generate` takes them. Raises A2PError: unreadable, or over 512 MiB."""
    try:
        size = path.stat().st_size
        if size > MAX_CLIP_BYTES:
            raise A2PError(
                f"{path} has {size >> 20} MiB: at most {MAX_CLIP_BYTES >> 20} MiB are read. Cut it into "
                "parts, or save it as FLAC."
            )
        return path.read_bytes()
    except OSError as error:
        raise A2PError(f"Cannot read the recording {path}: {error.strerror or error}.") from error


def _clip_array(clip: bytes) -> NDArray[np.uint8]:
    if len(clip) > MAX_CLIP_BYTES:
        raise A2PError(
            f"The recording has {len(clip) >> 20} MiB: at most {MAX_CLIP_BYTES >> 20} MiB can be sent."
        )
    return np.frombuffer(clip, np.uint8)


def _read_progress(message: Message) -> Progress:
    fields = message.fields
    level = fields.get("level")
    return Progress(
        str(fields.get("stage", "")),
        int(fields.get("done", 0)),
        int(fields.get("total", 0)),
        None if level is None else float(level),
    )


def _read_backend(message: Message) -> BackendInfo:
    return BackendInfo(version=str(message.fields["version"]), device=str(message.fields["device"]))


def _read_actors(message: Message) -> tuple[ActorInfo, ...]:
    return tuple(
        ActorInfo(
            name=str(actor["name"]),
            title=str(actor["title"]),
            licence=str(actor["licence"]),
            face_codes=tuple(map(str, actor["face_codes"])),
            performs_body=bool(actor["performs_body"]),
            performs_face=bool(actor["performs_face"]),
        )
        for actor in message.fields["actors"]
    )


def _read_body(message: Message) -> Body:
    from kinematics.body import Body  # here, because every command of `a2p` imports the client

    return Body.from_arrays(message.arrays)


def _read_performance(message: Message) -> Performance:
    return Performance.from_parts(message.fields, message.arrays)


def _read_plate(message: Message) -> bytes:
    return message.arrays["video"].tobytes()


def _read_face_motion(message: Message) -> FaceMotion:
    from kinematics.face.motion import FaceMotion

    return FaceMotion(message.arrays["gram"], message.arrays["products"])


def _read_recording(message: Message) -> float:
    return float(message.fields["seconds"])
