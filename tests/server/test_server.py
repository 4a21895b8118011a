from __future__ import annotations

import os
import threading
import time
import wave
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import zmq

from a2p_backend.server.server import Server
from a2p_backend.wire import protocol
from a2p_backend.wire.client import (
    BackendError,
    BackendLostError,
    Client,
    ClientTimeoutError,
    Finished,
    Stopped,
)
from a2p_backend.wire.edit import Edit
from a2p_backend.wire.endpoint import Endpoint, EndpointError, new_key, read_endpoint
from a2p_backend.wire.performance import Performance
from a2p_backend.wire.progress import Cancelled, Progress
from a2p_backend.wire.protocol import Kind, Message, decode, encode
from a2p_backend.wire.settings import GenerateSettings, PlateSettings
from kinematics.body import load_default_body
from tests.server.fakes import DEADLINE, STEPS, FakeService, serving

SETTINGS = GenerateSettings(seed=5, steps=20)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "endpoint.json"


@pytest.fixture
def service() -> FakeService:
    return FakeService()


@pytest.fixture
def server(service: FakeService, path: Path) -> Iterator[Server]:
    before = set(threading.enumerate())
    with serving(service, path) as (running, _):
        yield running
    assert set(threading.enumerate()) == before, "the server left a thread behind"
    assert not path.exists(), "the server left its endpoint file behind"


@pytest.fixture
def client(server: Server, path: Path) -> Iterator[Client]:
    with Client.connect(path, timeout=DEADLINE) as connected:
        yield connected


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def test_questions(client: Client) -> None:
    assert client.hello().version == "1.2.3"
    assert [actor.name for actor in client.actors()] == ["default"]
    body, expected = client.body("default"), load_default_body()
    assert body.skeleton.names == expected.skeleton.names
    np.testing.assert_array_equal(body.transform.matrix, expected.transform.matrix)
    with pytest.raises(BackendError, match="No actor is called 'nobody'"):
        client.body("nobody")


def test_generate_reports_progress_and_returns_the_performance(client: Client) -> None:
    seen: list[Progress] = []
    performance = client.generate(b"RIFF", "C:\\clips\\tälk.wav", SETTINGS).wait(DEADLINE, seen.append)
    assert performance.clip_name == "tälk.wav"
    assert performance.settings == SETTINGS.to_dict()
    assert (performance.pose == 5).all()
    assert performance.pose.shape == (30, 104)
    assert seen[-1] == Progress("body", STEPS, STEPS)


def test_an_edit_arrives_with_its_request(client: Client) -> None:
    start = client.generate(b"RIFF", "a.wav", SETTINGS).wait(DEADLINE)
    edit = Edit(start=start, strength=0.5, locked_pose=((3, 9),), guide=np.zeros((1, 104), np.float32))
    performance = client.generate(b"RIFF", "a.wav", SETTINGS, edit).wait(DEADLINE)
    assert performance.edit == edit.to_dict()


def test_poll_never_blocks_and_ends_with_finished(client: Client) -> None:
    job = client.generate(b"RIFF", "a.wav", SETTINGS)
    events = []
    until(lambda: events.extend(job.poll()) or job.done)
    events.extend(job.poll())
    assert isinstance(events[-1], Finished)
    assert isinstance(events[-1].result, Performance)
    assert job.poll() == []


def test_plate_with_sound(client: Client) -> None:
    performance = client.generate(b"RIFF", "a.wav", SETTINGS).wait(DEADLINE)
    job = client.render_plate(performance, PlateSettings(width=320), clip=b"RIFF", clip_name="a.wav")
    assert job.wait(DEADLINE) == b"30 320 b'RIFF' a.wav"


def test_the_motion_of_a_face(client: Client) -> None:
    performance = client.generate(b"RIFF", "a.wav", SETTINGS).wait(DEADLINE)
    motion = client.face_motion(performance).wait(DEADLINE)
    np.testing.assert_array_equal(motion.gram, np.eye(52))
    assert motion.products.shape == (30, 52)


def test_errors_are_sentences_and_the_server_goes_on(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(BackendError, match=r"^The recording is bad\.$"):
        client.generate(b"bad", "a.wav", SETTINGS).wait(DEADLINE)
    with pytest.raises(BackendError, match=r"unexpectedly \(ZeroDivisionError\)"):
        client.generate(b"bug", "a.wav", SETTINGS).wait(DEADLINE)
    assert "ZeroDivisionError" in caplog.text
    assert client.hello().device == "cpu"


def test_cancel_while_running(client: Client, service: FakeService) -> None:
    service.slow = True
    job = client.generate(b"RIFF", "a.wav", SETTINGS)
    assert service.began.acquire(timeout=DEADLINE)
    assert client.hello().version  # answered while the job runs
    assert client.body("default").name
    with pytest.raises(ClientTimeoutError):
        job.wait(0.05)
    job.cancel()
    with pytest.raises(Cancelled):
        job.wait(DEADLINE)
    assert service.cancelled.acquire(timeout=DEADLINE)


def test_two_clients_share_one_lane(client: Client, service: FakeService, path: Path) -> None:
    service.slow = True
    first = client.generate(b"RIFF", "first.wav", SETTINGS)
    assert service.began.acquire(timeout=DEADLINE)
    with Client.connect(path) as other:
        second = other.generate(b"RIFF", "second.wav", SETTINGS)
        third = other.generate(b"RIFF", "third.wav", SETTINGS)
        events = []
        until(lambda: bool(events.extend(third.poll()) or events))
        assert events == [Progress("waiting", 0, 2)]
        third.cancel()
        until(lambda: events.extend(third.poll()) or third.done)
        assert isinstance(events[-1], Stopped)
        service.step_allowed.release(2 * STEPS)
        assert first.wait(DEADLINE).clip_name == "first.wav"
        assert second.wait(DEADLINE).clip_name == "second.wav"


def test_full_queue_is_said(client: Client, service: FakeService) -> None:
    service.slow = True
    jobs = [client.generate(b"RIFF", "a.wav", SETTINGS) for _ in range(12)]
    with pytest.raises(BackendError, match="too much to do"):
        jobs[-1].wait(DEADLINE)


def test_vanished_client_gets_its_job_cancelled(server: Server, service: FakeService, path: Path) -> None:
    service.slow = True
    with Client.connect(path) as leaving:
        leaving.generate(b"RIFF", "a.wav", SETTINGS)
        assert service.began.acquire(timeout=DEADLINE)
    assert service.cancelled.acquire(timeout=DEADLINE)


def test_stopped_server_tells_its_clients(service: FakeService, path: Path) -> None:
    service.slow = True
    with serving(service, path) as (server, endpoint), Client(endpoint) as client:
        job = client.generate(b"RIFF", "a.wav", SETTINGS)
        assert service.began.acquire(timeout=DEADLINE)
        server.stop()
        with pytest.raises(BackendError, match="was stopped"):
            job.wait(DEADLINE)
    with pytest.raises(EndpointError):
        read_endpoint(path)


def test_dead_server_is_noticed(endpoint_of_nobody: Endpoint) -> None:
    with Client(endpoint_of_nobody, heartbeat=0.05, patience=0.2) as client:
        job = client.generate(b"RIFF", "a.wav", SETTINGS)
        with pytest.raises(BackendLostError):
            job.wait(DEADLINE)
        with pytest.raises(BackendLostError):
            client.hello()


@pytest.fixture
def endpoint_of_nobody() -> Endpoint:
    with zmq.Context() as context, context.socket(zmq.ROUTER) as socket:
        port = socket.bind_to_random_port("tcp://127.0.0.1")
    return Endpoint(f"tcp://127.0.0.1:{port}", new_key(), pid=os.getpid(), version="1")


def test_dead_process_is_noticed_at_the_first_heartbeat(
    client: Client, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.slow = True
    job = client.generate(b"RIFF", "a.wav", SETTINGS)
    monkeypatch.setattr(Endpoint, "process_runs", lambda self: False)
    client._heartbeat = 0.01
    with pytest.raises(BackendLostError):
        job.wait(DEADLINE)


def test_callers_pause_is_not_held_against_the_server(client: Client, service: FakeService) -> None:
    service.slow = True
    client._heartbeat, client._patience = 0.02, 0.3
    job = client.generate(b"RIFF", "a.wav", SETTINGS)
    with pytest.raises(ClientTimeoutError):
        job.wait(0.1)
    time.sleep(0.5)  # Blender's main thread is busy with something else
    service.step_allowed.release(STEPS)
    assert job.wait(DEADLINE).frame_count == 30


def test_wrong_key_is_dropped_and_counted(server: Server, path: Path) -> None:
    forged = replace(read_endpoint(path), key=new_key())
    with Client(forged, timeout=0.3) as client, pytest.raises(ClientTimeoutError):
        client.hello()
    assert server.rejected == 1


def of_version(version: int, message: Message, key: bytes) -> list[bytes]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(protocol, "PROTOCOL_VERSION", version)
        return encode(message, key)


def test_client_of_another_protocol_version_is_answered(client: Client, server: Server) -> None:
    hello = Message(Kind.HELLO)
    client._socket.send_multipart(of_version(2, hello, client.endpoint.secret))
    assert client._socket.poll(1000 * DEADLINE)
    answer = decode(client._socket.recv_multipart(), client.endpoint.secret)
    assert (answer.kind, answer.reply_to) == (Kind.ERROR, hello.id)
    assert "same release" in answer.fields["message"]


def test_server_of_another_protocol_version_is_named(client: Client) -> None:
    client._receive(of_version(2, Message(Kind.ALIVE), client.endpoint.secret))
    with pytest.raises(BackendLostError, match="same release"):
        client.hello()


def test_garbage_never_stops_the_server(server: Server, client: Client, path: Path) -> None:
    key = client.endpoint.secret
    signed = encode(Message(Kind.PING, {"jobs": [3, "x", {}]}), key)
    garbage = [
        [b""],
        [b"", b"", b""],
        [b"\xff" * 1000],
        [*signed, b"extra"],
        signed[1:],
        encode(Message(Kind.RESULT), key),
        encode(Message(Kind.GENERATE), key),
        encode(Message(Kind.RENDER_PLATE, {"performance": {}}), key),
        encode(Message(Kind.CANCEL, {"job": ["x"]}), key),
        signed,
    ]
    with zmq.Context() as context, context.socket(zmq.DEALER) as socket:
        socket.linger = 0
        socket.connect(client.endpoint.address)
        for frames in garbage:
            socket.send_multipart(frames)
        until(lambda: server.rejected == 5)
    assert client.hello().version == "1.2.3"


def test_job_that_the_server_lost_ends_in_an_error(
    client: Client, server: Server, service: FakeService
) -> None:
    service.slow = True
    client._heartbeat = 0.02
    job = client.generate(b"RIFF", "a.wav", SETTINGS)
    assert service.began.acquire(timeout=DEADLINE)
    server._tasks.clear()
    with pytest.raises(BackendError, match="does not know this job"):
        job.wait(DEADLINE)


def test_client_leaves_no_thread_and_stays_in_its_own(client: Client) -> None:
    client.hello()
    failures: list[BaseException] = []

    def elsewhere() -> None:
        try:
            client.hello()
        except RuntimeError as error:
            failures.append(error)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join(DEADLINE)
    assert len(failures) == 1
    assert not [t for t in threading.enumerate() if not t.name.startswith(("MainThread", "Thread-", "a2p-"))]
    client.close()
    client.close()


def test_a_recording_is_stopped_and_kept_while_a_job_runs(path: Path, tmp_path: Path) -> None:
    service = FakeService(slow=True)
    with serving(service, path), Client.connect(path, timeout=DEADLINE) as client:
        job = client.generate(b"RIFF", "a.wav", SETTINGS)
        assert service.began.acquire(timeout=DEADLINE)
        recording = client.record(tmp_path / "said.wav")
        assert service.began.acquire(timeout=DEADLINE)
        with pytest.raises(BackendError, match="records already"):
            client.record(tmp_path / "more.wav").wait(DEADLINE)
        seen: list[Progress] = []
        until(
            lambda: any(isinstance(event, Progress) and not seen.append(event) for event in recording.poll())
        )
        assert (seen[0].stage, seen[0].total, seen[0].level) == ("recording", 6000, 0.5)
        job.finish()  # means nothing to a job that is no recording
        recording.finish()
        assert 0 < recording.wait(DEADLINE) < 600
        assert (tmp_path / "said.wav").is_file()
        assert not (tmp_path / "more.wav").exists()
        assert not job.done
        job.cancel()
        with pytest.raises(Cancelled):
            job.wait(DEADLINE)


def test_a_cancelled_recording_keeps_nothing(client: Client, tmp_path: Path) -> None:
    recording = client.record(tmp_path / "said.wav")
    recording.cancel()
    with pytest.raises(Cancelled):
        recording.wait(DEADLINE)
    assert not (tmp_path / "said.wav").exists()


@pytest.mark.parametrize("who", ["the client goes", "the backend is stopped"])
def test_speech_outlives_what_recorded_it(who: str, service: FakeService, path: Path, tmp_path: Path) -> None:
    said = tmp_path / "said.wav"
    with serving(service, path) as (server, _):
        with Client.connect(path, timeout=DEADLINE) as client:
            client.record(said)
            assert service.began.acquire(timeout=DEADLINE)
            if who == "the backend is stopped":
                server.stop()
                until(said.exists)
        until(said.exists)


@pytest.mark.parametrize("seconds", [0, -1, 601, True, "long", None])
def test_a_recording_has_a_limit(client: Client, seconds: object, tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="up to 600 seconds"):
        client.record(tmp_path / "said.wav", seconds).wait(DEADLINE)


@pytest.mark.parametrize("place", ["said.wav", "/etc/passwd", "", None, 7])
def test_a_recording_goes_into_a_wav_file_named_by_its_whole_path(client: Client, place: object) -> None:
    request = client._ask(Kind.RECORD, {"path": place, "seconds": 1}, read_result=lambda message: None)
    with pytest.raises(BackendError, match="no place for a recording"):
        request.wait(DEADLINE)


def test_a_recording_of_a_given_length_ends_by_itself(client: Client, tmp_path: Path) -> None:
    assert client.record(tmp_path / "said.wav", 0.3).wait(DEADLINE) == pytest.approx(0.3)
    with wave.open(str(tmp_path / "said.wav"), "rb") as wav:
        assert wav.getnframes() == 3 * 4800


def test_another_client_cannot_stop_a_recording(
    client: Client, service: FakeService, path: Path, tmp_path: Path
) -> None:
    recording = client.record(tmp_path / "said.wav")
    assert service.began.acquire(timeout=DEADLINE)
    with Client.connect(path, timeout=DEADLINE) as other:
        other._send(Message(Kind.FINISH, {"job": recording._id}))
        other.hello()  # answered after what was sent before it
    assert not any(isinstance(event, Finished) for event in recording.poll())
    recording.finish()
    recording.wait(DEADLINE)
