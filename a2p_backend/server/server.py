"""The server: a ROUTER socket on loopback whose thread reads, answers and forwards, and never works.

Work is done in three lanes, none of which waits for another: `jobs` (generate, render_plate; one at a time),
`questions` (actors, body) and `recordings` (record; a second one is refused, not queued). hello, ping, cancel
and finish are answered by the socket's own thread at once.
"""

from __future__ import annotations

import errno
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import zmq

from a2p_backend.server.lane import FINAL, Lane, Task, error_message, progress_message
from a2p_backend.server.requests import work_for
from a2p_backend.server.service import Service
from a2p_backend.wire.endpoint import Endpoint, new_key, remove_endpoint, write_endpoint
from a2p_backend.wire.progress import Progress
from a2p_backend.wire.protocol import (
    MAX_ARRAY_BYTES,
    Kind,
    Message,
    ProtocolError,
    VersionError,
    decode,
    encode,
    is_id,
)
from kinematics.errors import A2PError

OUTBOX = "inproc://outbox"
TICK = 0.1
BEAT = 1.0
SHUTDOWN = 1.5
JOB_CAPACITY = 8
QUESTION_CAPACITY = 32
RECORDING_CAPACITY = 0
KEPT_RESULTS = 4
KEPT_SECONDS = 600.0
MAX_MESSAGES_A_TURN = 64
MAX_PING_JOBS = 64

log = logging.getLogger(__name__)


class Server:
    """Serves one Service until it is stopped. `rejected` counts the messages that were not understood."""

    _key: bytes
    _router: zmq.Socket[bytes]
    _jobs: Lane
    _questions: Lane
    _recordings: Lane

    def __init__(self, service: Service, endpoint_path: Path | None = None) -> None:
        """endpoint_path: where clients will look for the endpoint file; None: the default place."""
        self.rejected = 0
        self._service = service
        self._endpoint_path = endpoint_path
        self._stopping = threading.Event()
        self._tasks: dict[str, tuple[Lane, Task]] = {}
        self._undelivered: deque[tuple[float, Task, list[bytes]]] = deque(maxlen=KEPT_RESULTS)

    def stop(self) -> None:
        """Make `serve` return soon; may be called from any thread and from a signal handler."""
        self._stopping.set()

    def serve(self, on_ready: Callable[[Endpoint], None] | None = None) -> None:
        """Serve in the calling thread until `stop`; `on_ready` is called once clients can connect.

        Raises EndpointError when the endpoint file cannot be written.
        """
        info = self._service.hello()
        key = new_key()
        self._key = bytes.fromhex(key)
        context = zmq.Context()
        self._router = context.socket(zmq.ROUTER)
        outbox = context.socket(zmq.PULL)
        lanes: list[Lane] = []
        try:
            self._router.setsockopt(zmq.LINGER, 0)
            self._router.setsockopt(zmq.ROUTER_MANDATORY, 1)  # tells of clients that are gone
            self._router.setsockopt(zmq.MAXMSGSIZE, MAX_ARRAY_BYTES)
            port = self._router.bind_to_random_port("tcp://127.0.0.1")
            outbox.setsockopt(zmq.LINGER, 0)
            outbox.setsockopt(zmq.RCVHWM, 0)
            outbox.bind(OUTBOX)
            endpoint = Endpoint(f"tcp://127.0.0.1:{port}", key, os.getpid(), info.version)
            self._jobs = Lane("jobs", context, OUTBOX, self._key, JOB_CAPACITY)
            lanes.append(self._jobs)
            self._questions = Lane("questions", context, OUTBOX, self._key, QUESTION_CAPACITY)
            lanes.append(self._questions)
            self._recordings = Lane("recordings", context, OUTBOX, self._key, RECORDING_CAPACITY)
            lanes.append(self._recordings)
            write_endpoint(endpoint, self._endpoint_path)
            try:
                if on_ready is not None:
                    on_ready(endpoint)
                self._loop(outbox)
            finally:
                remove_endpoint(endpoint, self._endpoint_path)
        finally:
            self._shut_down(context, outbox, lanes)

    def _loop(self, outbox: zmq.Socket[bytes]) -> None:
        poller = zmq.Poller()
        poller.register(self._router, zmq.POLLIN)
        poller.register(outbox, zmq.POLLIN)
        next_beat = time.monotonic() + BEAT
        while not self._stopping.is_set():
            poller.poll(int(TICK * 1000))
            for frames in _take(outbox):
                self._forward(frames)
            for frames in _take(self._router):
                self._receive(frames)
            if time.monotonic() >= next_beat:
                self._beat()
                next_beat = time.monotonic() + BEAT

    def _shut_down(
        self, context: zmq.Context[zmq.Socket[bytes]], outbox: zmq.Socket[bytes], lanes: list[Lane]
    ) -> None:
        for _, task in list(self._tasks.values()):
            self._send(task.client, error_message("The backend was stopped.", task.request_id))
            task.finished.set()  # a recording is kept; others take no notice
        self._tasks.clear()
        for lane in lanes:
            lane.stop()
        deadline = time.monotonic() + SHUTDOWN
        ended = [lane.join(max(deadline - time.monotonic(), 0.01)) for lane in lanes]
        self._router.close(linger=0)
        outbox.close(linger=0)
        if all(ended):
            context.term()
        else:  # terminating would wait for the lane's socket; the daemon thread ends with the process
            log.warning("a job did not stop in time and is abandoned")

    # messages from clients

    def _receive(self, frames: list[bytes]) -> None:
        client, *content = frames
        try:
            message = decode(content, self._key)
        except VersionError as error:
            self._reject(error)
            self._send(client, error_message(str(error), error.request_id))
        except ProtocolError as error:
            self._reject(error)
        else:
            self._answer(client, message)

    def _reject(self, error: ProtocolError) -> None:
        self.rejected += 1
        log.warning("dropped a message: %s", error)

    def _answer(self, client: bytes, message: Message) -> None:
        if message.kind is Kind.HELLO:
            info = asdict(self._service.hello())
            self._send(client, Message(Kind.RESULT, info, reply_to=message.id))
        elif message.kind is Kind.PING:
            self._answer_ping(client, message)
        elif message.kind is Kind.CANCEL:
            self._cancel(client, message.fields.get("job"))
        elif message.kind is Kind.FINISH:
            self._finish(client, message.fields.get("job"))
        else:
            self._start(client, message)

    def _answer_ping(self, client: bytes, message: Message) -> None:
        self._send(client, Message(Kind.ALIVE, reply_to=message.id))
        jobs = message.fields.get("jobs", [])
        kept = {task.request_id for _, task, _ in self._undelivered}
        for job in jobs[:MAX_PING_JOBS] if isinstance(jobs, list) else []:
            if is_id(job) and job not in self._tasks and job not in kept:
                # the client has the result by now, or never will: then this ends its wait
                self._send(client, error_message("The backend does not know this job any more.", job))

    def _cancel(self, client: bytes, job: object) -> None:
        found = self._find(client, job)
        if found is None:
            return  # finished meanwhile
        lane, task = found
        if lane.cancel(task):
            del self._tasks[task.request_id]
            self._send(client, Message(Kind.CANCELLED, reply_to=task.request_id))

    def _finish(self, client: bytes, job: object) -> None:
        found = self._find(client, job)
        if found is not None:
            found[1].finished.set()

    def _find(self, client: bytes, job: object) -> tuple[Lane, Task] | None:
        """The client's own task of that id, while it is open."""
        found = self._tasks.get(job) if isinstance(job, str) else None
        return found if found is not None and found[1].client == client else None

    def _start(self, client: bytes, message: Message) -> None:
        if message.id in self._tasks:
            self._reject(ProtocolError("A request came twice."))
            return
        lane = self._lane_for(message.kind)
        try:
            work = work_for(self._service, message)
        except A2PError as error:
            self._send(client, error_message(str(error), message.id))
            return
        task = Task(message.id, client, work, sum(array.nbytes for array in message.arrays.values()))
        ahead = lane.submit(task)
        if ahead is None:
            sentence = "The backend has too much to do: try again later."
            if lane is self._recordings:
                sentence = "The backend records already: stop that recording first."
            self._send(client, error_message(sentence, message.id))
            return
        self._tasks[message.id] = (lane, task)
        if ahead and lane is self._jobs:
            self._send(client, progress_message(Progress("waiting", 0, ahead), message.id))

    def _lane_for(self, kind: Kind) -> Lane:
        if kind in (Kind.ACTORS, Kind.BODY):
            return self._questions
        return self._recordings if kind is Kind.RECORD else self._jobs

    # messages to clients

    def _forward(self, post: list[bytes]) -> None:
        """Pass on what a lane posted."""
        nature, request_id, client, *frames = post
        if nature == FINAL:
            _, task = self._tasks.pop(request_id.decode(), (None, None))
            if task is not None and not self._send_frames(client, frames):
                self._undelivered.append((time.monotonic(), task, frames))
        elif request_id.decode() in self._tasks:
            self._send_frames(client, frames)

    def _send(self, client: bytes, message: Message) -> bool:
        return self._send_frames(client, encode(message, self._key))

    def _send_frames(self, client: bytes, frames: list[bytes]) -> bool:
        """Whether the frames are on their way or their client is gone; False: its queue is full."""
        try:
            self._router.send_multipart([client, *frames], flags=zmq.DONTWAIT, copy=True)
        except zmq.Again:
            return False
        except zmq.ZMQError as error:
            if error.errno != errno.EHOSTUNREACH:
                raise
            self._forget(client)
        return True

    def _beat(self) -> None:
        """Find out which clients are gone, and try again to deliver what is kept."""
        for client in {task.client for _, task in self._tasks.values()}:
            self._send(client, Message(Kind.ALIVE))
        kept, self._undelivered = self._undelivered, deque(maxlen=KEPT_RESULTS)
        for since, task, frames in kept:
            if time.monotonic() - since < KEPT_SECONDS and not self._send_frames(task.client, frames):
                self._undelivered.append((since, task, frames))

    def _forget(self, client: bytes) -> None:
        """Cancel what a client that is gone had asked for; finish its recording: speech does not return."""
        for request_id, (lane, task) in list(self._tasks.items()):
            if task.client == client:
                del self._tasks[request_id]
                if lane is self._recordings:
                    task.finished.set()
                    log.info("finished a recording: its client is gone")
                else:
                    lane.cancel(task)
                    log.info("cancelled a job: its client is gone")


def _take(socket: zmq.Socket[bytes]) -> list[list[bytes]]:
    """The messages that have come, up to a number that keeps a flood from starving the rest."""
    messages: list[list[bytes]] = []
    while len(messages) < MAX_MESSAGES_A_TURN:
        try:
            messages.append(socket.recv_multipart(flags=zmq.DONTWAIT))
        except zmq.Again:
            break
    return messages
