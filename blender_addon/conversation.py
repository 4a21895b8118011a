"""Talking with the backend in a thread of its own, so that Blender's main thread never waits for it.

The thread reads the recording, signs and sends it, and takes in the answer; nothing in it touches Blender
data. The main thread looks in now and then: see `jobs`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future
from pathlib import Path
from typing import TypeVar

from a2p_backend.wire.client import Client, ClientTimeoutError, Job
from a2p_backend.wire.progress import Cancelled, IsFinished, Progress

T = TypeVar("T")

_LISTEN = 0.05
"""Seconds that the thread listens before it looks whether it is still wanted."""


_FAREWELL = 5.0
"""Seconds that a thread has to end once nobody listens."""


class Line:
    """What the two ends of a conversation know of each other."""

    def __init__(self) -> None:
        self.progress: Progress | None = None
        self._cancelled = threading.Event()
        self._hung_up = threading.Event()

    def cancel(self) -> None:
        """Main thread: the backend is to stop what it was asked for last."""
        self._cancelled.set()

    def hang_up(self) -> None:
        """Main thread: nobody waits for the answer any more."""
        self._cancelled.set()
        self._hung_up.set()

    def check(self) -> None:
        """The other thread, before something lengthy: raises Cancelled where it is not wanted any more."""
        if self._cancelled.is_set():
            raise Cancelled

    def follow(self, job: Job[T], finished: IsFinished = lambda: False) -> T:
        """The other thread: wait for a request's result, passing on its progress and the user's wish to stop.

        finished: of a recording, whether it is to stop and keep what it has.
        Raises BackendError, BackendLostError, or Cancelled once the backend has stopped.
        """
        told = told_to_finish = False
        while True:
            if self._hung_up.is_set():
                raise Cancelled  # closing the client cancels what is still open
            if not told_to_finish and finished():
                job.finish()
                told_to_finish = True
            if self._cancelled.is_set() and not told:
                job.cancel()
                told = True
            try:
                return job.wait(_LISTEN, self._hear)
            except ClientTimeoutError:
                continue

    def _hear(self, progress: Progress) -> None:
        self.progress = progress


def talking(endpoint: Path | None, talk: Callable[[Line, Client], T]) -> Generator[Progress | None, None, T]:
    """Steps that wait while `talk` goes on in another thread, then return what it returns.

    endpoint: the endpoint file; None for the usual one. Raises what `talk` raises, and EndpointError.
    """
    line = Line()

    def call() -> T:
        with Client.connect(endpoint) as client:
            return talk(line, client)

    yield None  # what began the job goes on before a thread is started
    future: Future[T] = Future()
    # A daemon: at its end Python waits for other threads before the add-on can tell them that it is the end.
    thread = threading.Thread(target=_fulfil, args=(future, call), name="a2p conversation", daemon=True)
    thread.start()
    try:
        while not future.done():
            try:
                yield line.progress
            except Cancelled:
                line.cancel()
        return future.result()
    finally:
        line.hang_up()
        thread.join(_FAREWELL)


def _fulfil(future: Future[T], call: Callable[[], T]) -> None:
    try:
        future.set_result(call())
    except BaseException as error:  # whatever it is, the main thread hears of it
        future.set_exception(error)
