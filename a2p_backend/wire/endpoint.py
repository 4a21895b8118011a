"""Where the running backend is: a small file that only its user can read.

The file holds the backend's loopback address and the key that signs every message, so whoever can read it
may use the backend.
"""

from __future__ import annotations

import json
import os
import re
import stat
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from kinematics.errors import A2PError
from kinematics.files import atomic_write

ENDPOINT_VARIABLE = "A2P_ENDPOINT"
KEY_BYTES = 32
MAX_FILE_BYTES = 4096
_ADDRESS = re.compile(r"tcp://127\.0\.0\.1:[1-9]\d{0,4}")
_KEY = re.compile(rf"[0-9a-f]{{{2 * KEY_BYTES}}}")


class EndpointError(A2PError):
    """There is no running backend to be found."""


class NoBackendError(EndpointError):
    """None is running, and nothing else is wrong."""


@dataclass(frozen=True)
class Endpoint:
    """address: tcp://127.0.0.1:PORT; key: 64 hexadecimal digits; pid, version: of the backend's process."""

    address: str
    key: str
    pid: int
    version: str

    def __post_init__(self) -> None:
        if not isinstance(self.address, str) or not _ADDRESS.fullmatch(self.address):
            raise EndpointError(f"{self.address!r} is not an address on this machine (tcp://127.0.0.1:PORT).")
        if not isinstance(self.key, str) or not _KEY.fullmatch(self.key):
            raise EndpointError(f"A backend's key is {2 * KEY_BYTES} hexadecimal digits; this one is not.")
        if isinstance(self.pid, bool) or not isinstance(self.pid, int) or self.pid <= 0:
            raise EndpointError(f"{self.pid!r} is not the number of a process.")
        if not isinstance(self.version, str):
            raise EndpointError(f"{self.version!r} is not a version.")

    def __repr__(self) -> str:
        return f"Endpoint({self.address}, process {self.pid}, version {self.version})"  # never the key

    @property
    def secret(self) -> bytes:
        """The key's 32 bytes."""
        return bytes.fromhex(self.key)

    def process_runs(self) -> bool:
        """Whether a process of the backend's number exists."""
        return _process_runs(self.pid)


def new_key() -> str:
    """A fresh random key."""
    return os.urandom(KEY_BYTES).hex()


def default_endpoint_path() -> Path:
    """The endpoint file in the user's own state folder; the environment variable A2P_ENDPOINT moves it."""
    moved = os.environ.get(ENDPOINT_VARIABLE)
    if moved:
        return Path(moved)
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_STATE_HOME") or home / ".local" / "state")
    return base / "a2p" / "endpoint.json"


def write_endpoint(endpoint: Endpoint, path: Path | None = None) -> Path:
    """Write the endpoint file, readable by this user only; returns its path. Raises EndpointError."""
    path = path or default_endpoint_path()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with atomic_write(path, mode=0o600) as file:
            file.write(json.dumps(asdict(endpoint)).encode())
    except OSError as error:
        raise EndpointError(f"Cannot write the endpoint file {path}: {error.strerror or error}.") from error
    return path


def read_endpoint(path: Path | None = None) -> Endpoint:
    """Find the running backend.

    Raises EndpointError when there is no file, when others can read it, when it is damaged, and when the
    backend that wrote it is gone.
    """
    path = path or default_endpoint_path()
    try:
        with path.open("rb") as file:
            _check_private(path, os.fstat(file.fileno()))
            content = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError as error:
        raise NoBackendError(
            f"No backend is running ({path} does not exist): start it with `a2p serve`."
        ) from error
    except OSError as error:
        raise EndpointError(f"Cannot read the endpoint file {path}: {error.strerror or error}.") from error
    endpoint = _parse(path, content)
    if not endpoint.process_runs():
        raise NoBackendError(
            f"The backend of {path} (process {endpoint.pid}) is gone: start it with `a2p serve`."
        )
    return endpoint


def remove_endpoint(endpoint: Endpoint, path: Path | None = None) -> None:
    """Remove the endpoint file if it is still this backend's own."""
    path = path or default_endpoint_path()
    try:
        if _parse(path, path.read_bytes()) == endpoint:
            path.unlink()
    except (OSError, EndpointError):
        return  # already gone, or another backend's by now


def _parse(path: Path, content: bytes) -> Endpoint:
    damaged = f"The endpoint file {path} is damaged: stop the backend and start it anew with `a2p serve`."
    try:
        if len(content) > MAX_FILE_BYTES:
            raise EndpointError(damaged)
        return Endpoint(**json.loads(content))
    except (ValueError, TypeError, RecursionError) as error:
        raise EndpointError(damaged) from error


def _check_private(path: Path, status: os.stat_result) -> None:
    if sys.platform == "win32":
        return  # the user's profile folder is private by its access list; there are no mode bits to look at
    if status.st_uid != os.getuid():
        raise EndpointError(
            f"The endpoint file {path} belongs to another user: remove it or set {ENDPOINT_VARIABLE}."
        )
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise EndpointError(f"The endpoint file {path} is open to other users: start the backend anew.")


def _process_runs(pid: int) -> bool:
    if sys.platform == "win32":
        import ctypes

        kernel = ctypes.windll.kernel32
        query_limited_information, still_active = 0x1000, 259
        handle = kernel.OpenProcess(query_limited_information, False, pid)
        if not handle:
            return False
        try:
            code = ctypes.c_ulong()
            return bool(kernel.GetExitCodeProcess(handle, ctypes.byref(code))) and code.value == still_active
        finally:
            kernel.CloseHandle(handle)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
