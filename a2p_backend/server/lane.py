"""A lane: one thread that does one piece of work after another, from a bounded queue."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import zmq

from a2p_backend.server.requests import Work
from a2p_backend.wire.progress import Cancelled, Progress
from a2p_backend.wire.protocol import MAX_MESSAGE_BYTES, Kind, Message, encode
from kinematics.errors import A2PError

PROGRESS_INTERVAL = 0.05
MAX_WAITING_BYTES = 2 * MAX_MESSAGE_BYTES
FINAL, PASSING = b"final", b"passing"

log = logging.getLogger(__name__)


@dataclass(eq=False)
class Task:
    """Work that a client asked for. `client` is its routing id; `size` the bytes that the request holds."""

    request_id: str
    client: bytes
    work: Work
    size: int
    cancelled: threading.Event = field(default_factory=threading.Event)
    finished: threading.Event = field(default_factory=threading.Event)
    """Set once a recording is to stop and keep what it has."""


class Lane:
    """Does tasks one by one and posts what comes of them to the server's outbox.

    The outbox is an inproc PULL socket at the address `outbox`; a post is
    [FINAL or PASSING, request id, client, *signed frames].
    """

    def __init__(
        self, name: str, context: zmq.Context[zmq.Socket[bytes]], outbox: str, key: bytes, capacity: int
    ) -> None:
        """capacity: how many tasks may wait, not counting the one that runs."""
        self._context = context
        self._outbox = outbox
        self._key = key
        self._capacity = capacity
        self._waiting: deque[Task] = deque()
        self._running: Task | None = None
        self._stopped = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name=f"a2p-{name}", daemon=True)
        self._thread.start()

    def submit(self, task: Task) -> int | None:
        """Queue a task. Returns how many are before it, or None when there is no room for it."""
        with self._changed:
            ahead = len(self._waiting) + (self._running is not None)
            held = sum(waiting.size for waiting in self._waiting)
            if ahead and (len(self._waiting) >= self._capacity or held + task.size > MAX_WAITING_BYTES):
                return None
            self._waiting.append(task)
            self._changed.notify()
            return ahead

    def cancel(self, task: Task) -> bool:
        """Stop a task. Returns True when it had not begun, so that nothing will be posted about it."""
        task.cancelled.set()
        with self._changed:
            if task in self._waiting:
                self._waiting.remove(task)
                return True
            return False

    def stop(self) -> None:
        """Forget what waits, cancel what runs, and let the thread end."""
        with self._changed:
            self._stopped = True
            self._waiting.clear()
            if self._running is not None:
                self._running.cancelled.set()
            self._changed.notify()

    def join(self, timeout: float) -> bool:
        """Wait for the thread's end after `stop`; whether it came in time."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _next(self) -> Task | None:
        with self._changed:
            self._running = None
            # no deadline: idle is the normal state, and both submit and stop notify
            self._changed.wait_for(lambda: self._stopped or self._waiting)
            if self._stopped:
                return None
            self._running = self._waiting.popleft()
            return self._running

    def _run(self) -> None:
        post = self._context.socket(zmq.PUSH)
        try:
            post.setsockopt(zmq.LINGER, 0)
            post.setsockopt(zmq.SNDHWM, 0)
            post.connect(self._outbox)
            while (task := self._next()) is not None:
                self._post(post, FINAL, task, self._do(post, task))
        finally:
            post.close()

    def _do(self, post: zmq.Socket[bytes], task: Task) -> Message:
        """The last message about a task."""
        last: tuple[str, float] = ("", 0.0)

        def on_progress(progress: Progress) -> None:
            nonlocal last
            now = time.monotonic()
            is_news = progress.stage != last[0] or progress.done >= progress.total
            if is_news or now - last[1] >= PROGRESS_INTERVAL:
                last = (progress.stage, now)
                self._post(post, PASSING, task, progress_message(progress, task.request_id))

        try:
            if task.cancelled.is_set():
                raise Cancelled
            reply = task.work(on_progress, task.cancelled.is_set, task.finished.is_set)
            return Message(Kind.RESULT, reply.fields, reply.arrays, task.request_id)
        except Cancelled:
            return Message(Kind.CANCELLED, reply_to=task.request_id)
        except A2PError as error:
            return error_message(str(error), task.request_id)
        except Exception as error:
            log.exception("a job failed unexpectedly")
            return error_message(
                f"The backend failed unexpectedly ({type(error).__name__}): its log says where.",
                task.request_id,
            )

    def _post(self, post: zmq.Socket[bytes], nature: bytes, task: Task, message: Message) -> None:
        try:
            frames = encode(message, self._key)
        except A2PError as error:
            frames = encode(error_message(str(error), task.request_id), self._key)
        post.send_multipart([nature, task.request_id.encode(), task.client, *frames], copy=True)


def progress_message(progress: Progress, request_id: str) -> Message:
    """How far a request is."""
    fields: dict[str, Any] = {"stage": progress.stage, "done": progress.done, "total": progress.total}
    if progress.level is not None:
        fields["level"] = round(progress.level, 3)
    return Message(Kind.PROGRESS, fields, reply_to=request_id)


def error_message(sentence: str, request_id: str | None) -> Message:
    """Why a request came to nothing."""
    return Message(Kind.ERROR, {"message": sentence}, reply_to=request_id)
