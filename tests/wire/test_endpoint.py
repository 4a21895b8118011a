from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from a2p_backend.wire.endpoint import (
    Endpoint,
    EndpointError,
    default_endpoint_path,
    new_key,
    read_endpoint,
    remove_endpoint,
    write_endpoint,
)

posix_only = pytest.mark.skipif(os.name == "nt", reason="Windows guards the profile folder by access lists")


def make_endpoint(pid: int | None = None) -> Endpoint:
    return Endpoint("tcp://127.0.0.1:40001", new_key(), pid or os.getpid(), "1.0")


def test_endpoint_round_trip(tmp_path: Path) -> None:
    endpoint, path = make_endpoint(), tmp_path / "new" / "endpoint.json"
    write_endpoint(endpoint, path)
    assert read_endpoint(path) == endpoint
    assert endpoint.key not in repr(endpoint)
    remove_endpoint(endpoint, path)
    with pytest.raises(EndpointError, match="a2p serve"):
        read_endpoint(path)


@posix_only
def test_file_is_the_users_alone(tmp_path: Path) -> None:
    path = write_endpoint(make_endpoint(), tmp_path / "endpoint.json")
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    with pytest.raises(EndpointError, match="open to other users"):
        read_endpoint(path)


def test_file_of_a_dead_backend_is_stale(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait(30)
    path = write_endpoint(make_endpoint(process.pid), tmp_path / "endpoint.json")
    with pytest.raises(EndpointError, match="is gone"):
        read_endpoint(path)


def test_another_backends_file_is_not_removed(tmp_path: Path) -> None:
    path, other = tmp_path / "endpoint.json", make_endpoint()
    write_endpoint(other, path)
    remove_endpoint(make_endpoint(), path)
    assert read_endpoint(path) == other


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"address": 1}', b"\xff", b"{" * 4000, b" " * 9999])
def test_damaged_file_is_one_sentence(tmp_path: Path, content: bytes) -> None:
    path = write_endpoint(make_endpoint(), tmp_path / "endpoint.json")
    path.write_bytes(content)
    with pytest.raises(EndpointError, match="damaged"):
        read_endpoint(path)


def test_only_loopback_addresses_are_believed() -> None:
    with pytest.raises(EndpointError, match="on this machine"):
        Endpoint("tcp://192.168.1.5:4000", new_key(), 1, "1.0")


def test_the_environment_moves_the_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("A2P_ENDPOINT", str(tmp_path / "here.json"))
    assert default_endpoint_path() == tmp_path / "here.json"
