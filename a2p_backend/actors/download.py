"""Downloads released archives over hosts that are slow, drop connections, or have gone.

pooch keeps the archives and checks them. Its own downloader begins anew after every interruption, which does
not do for files of gigabytes; the one here goes on where it was (HTTP range requests, RFC 9110 section 14).
"""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from a2p_backend.actors.addresses import Archive
from a2p_backend.actors.unpacking import UnpackError
from a2p_backend.wire.progress import OnProgress, Progress
from kinematics.errors import A2PError
from kinematics.files import atomic_write, read_json

if TYPE_CHECKING:
    import requests

TIMEOUT = (10.0, 60.0)
"""Seconds to wait for a connection, and for the next bytes on it."""
MAX_BYTES = 64 << 30
PAUSES = (0.5, 2.0, 5.0)
"""Seconds before each further try when one has brought nothing; after the last, the address is given up."""
_CHUNK = 1 << 20
_LARGEST_NOTE = 1 << 20


class DownloadError(A2PError):
    """An archive cannot be had from any of its addresses."""


class _Interrupted(Exception):  # noqa: N818 - what is retried is no error yet
    """The connection ended before the file did."""


@dataclass
class Checksums:
    """SHA-256 of the archives by file name: learnt from the first that was of use, asked of all after it."""

    path: Path

    def of(self, file: str) -> str | None:
        """What the file must be, where that is known."""
        known = self._read().get(file)
        return known if isinstance(known, str) else None

    def pin(self, file: str, sha256: str) -> None:
        """From now on the file must be this one."""
        with atomic_write(self.path) as target:
            target.write(json.dumps(self._read() | {file: sha256}, indent=2).encode() + b"\n")

    def _read(self) -> dict[str, Any]:
        try:
            known = read_json(self.path, _LARGEST_NOTE)
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise DownloadError(
                f"The checksums {self.path} cannot be read: {error}; delete the file."
            ) from error
        return known if isinstance(known, dict) else {}


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, hexadecimal."""
    import pooch

    return pooch.file_hash(str(path))


def obtain(
    archive: Archive,
    folder: Path,
    checksums: Checksums,
    use: Callable[[Path], None],
    on_progress: OnProgress,
    pauses: tuple[float, ...] = PAUSES,
) -> tuple[str, ...]:
    """Downloads an archive into `folder`, and uses it: from its first address whose file is of use.

    Args:
        archive: of one actor.
        use: called with the file; where it raises UnpackError, the next address is tried.

    Returns:
        A sentence where nothing vouches for the file whose checksum was learnt.

    Raises:
        DownloadError: no address gave a file of use; says what was wrong with each.
    """
    import pooch

    pooch.get_logger().setLevel("WARNING")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / archive.file
    known = checksums.of(archive.file)
    failures = []
    for address in archive.addresses:
        fetch = _Resuming(folder / f"{archive.file}.partial", on_progress, pauses)
        try:
            with _explaining(known):
                pooch.retrieve(address, known and f"sha256:{known}", archive.file, folder, downloader=fetch)
        except DownloadError as error:
            failures.append(f"{address}: {str(error).rstrip('.')}")
            continue
        try:
            use(path)
        except UnpackError as error:
            path.unlink()  # so that it is not taken for a good one next time
            failures.append(f"{address}: {str(error).rstrip('.')}")
            continue
        if known is not None:
            return ()
        sha256 = sha256_of(path)
        checksums.pin(archive.file, sha256)
        return () if fetch.is_authenticated else (_unvouched(archive, fetch, address, sha256),)
    raise DownloadError(
        f"{archive.file}, {archive.contents}, could not be had ({'; '.join(failures)}); try again later, or "
        "get the file elsewhere and say `--from-dir` with its folder."
    )


def _unvouched(archive: Archive, fetch: _Resuming, address: str, sha256: str) -> str:
    origin = (
        f"came over a connection that proves nobody's identity ({address})"
        if fetch.is_whole
        else "was downloaded by an earlier run, which did not finish"
    )
    return (
        f"{archive.file} {origin}, so somebody else may have made it; from now on it must have this SHA-256, "
        f"which you can compare with what others have: {sha256}."
    )


@contextmanager
def _explaining(known: str | None) -> Iterator[None]:
    """Turns what pooch and requests raise into the reason of a failure."""
    import requests

    try:
        yield
    except requests.RequestException as error:
        reason = error.response.reason if error.response is not None else type(error).__name__
        raise DownloadError(f"{reason}") from error
    except ValueError as error:  # pooch's, for a file of another checksum
        reason = f"another checksum than at the first download ({known})" if known else str(error)
        raise DownloadError(reason) from error
    except OSError as error:
        raise DownloadError(error.strerror or str(error)) from error


@dataclass
class _Resuming:
    """A downloader for pooch. What has come stays in `partial`, for this run or the next."""

    partial: Path
    on_progress: OnProgress
    pauses: tuple[float, ...]
    is_whole: bool = False
    """Whether the file was downloaded; pooch does not ask for one that is there already."""
    is_authenticated: bool = False
    """Whether every part of it came from a host that proved its name (HTTPS)."""

    def __call__(self, url: str, output_file: str, pooch: Any, check_only: bool = False) -> None:
        import requests

        pauses = iter(self.pauses)
        while True:
            before = self._come()
            try:
                self._proceed(url)
                break
            except (_Interrupted, requests.RequestException) as error:
                if not _passing(error):
                    raise
                if self._come() > before:
                    pauses = iter(self.pauses)
                pause = next(pauses, None)
                if pause is None:
                    raise DownloadError(str(error) or type(error).__name__) from error
                time.sleep(pause)
        self.partial.replace(output_file)
        self.is_whole = True
        self._origin.unlink(missing_ok=True)

    @property
    def _origin(self) -> Path:
        """Says which file the partial one is the beginning of."""
        return self.partial.with_name(self.partial.name + ".json")

    def _come(self) -> int:
        return self.partial.stat().st_size if self.partial.exists() else 0

    def _proceed(self, url: str) -> None:
        """One request. Raises _Interrupted where the file is not whole after it."""
        import requests

        origin = self._read_origin(url)
        start = self._come() if origin else 0
        headers = {"Accept-Encoding": "identity"}
        if start:
            headers["Range"] = f"bytes={start}-"
            if origin["validator"]:
                headers["If-Range"] = origin["validator"]
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as response:
            if start and response.status_code == 416:
                self._origin.unlink()  # the file there has become another one
                raise _Interrupted("the file has changed while it was downloaded")
            response.raise_for_status()
            start, total = _extent(response, start)
            if start and total != origin["total"]:
                self._origin.unlink()
                raise _Interrupted("the file has changed while it was downloaded")
            self._check_space(start, total)
            self.is_authenticated = _is_authenticated(response) and (
                start == 0 or origin.get("authenticated") is True
            )
            self._write_origin(url, response, total)
            self._receive(response, start, total)

    def _receive(self, response: requests.Response, start: int, total: int | None) -> None:
        import urllib3

        come, stage = start, self.partial.name.removesuffix(".partial")
        with self.partial.open("r+b" if start else "wb") as file:
            file.seek(start)
            file.truncate()
            try:
                for chunk in response.raw.stream(_CHUNK, decode_content=False):  # an archive stays compressed
                    come += len(chunk)
                    if come > (total or MAX_BYTES):
                        raise DownloadError("more was sent than was announced")
                    file.write(chunk)
                    self.on_progress(Progress(stage, come, total or 0))
            except urllib3.exceptions.HTTPError as error:
                raise _Interrupted(f"the connection ended after {come} bytes") from error
        if total is not None and come < total:
            raise _Interrupted(f"the connection ended after {come} of {total} bytes")

    def _check_space(self, start: int, total: int | None) -> None:
        free = shutil.disk_usage(self.partial.parent).free
        if (total or 0) > MAX_BYTES or (total or 0) - start > free:
            raise DownloadError(
                f"its {(total or 0) / 1e9:.1f} GB do not fit into {self.partial.parent}, "
                f"which has {free / 1e9:.1f} GB free"
            )

    def _read_origin(self, url: str) -> dict[str, Any] | None:
        try:
            origin = read_json(self._origin, _LARGEST_NOTE)
        except (OSError, ValueError):
            return None
        return origin if isinstance(origin, dict) and origin.get("url") == url else None

    def _write_origin(self, url: str, response: requests.Response, total: int | None) -> None:
        etag = response.headers.get("ETag", "")
        validator = etag if etag.startswith('"') else response.headers.get("Last-Modified")
        with atomic_write(self._origin) as file:
            origin = {
                "url": url,
                "validator": validator,
                "total": total,
                "authenticated": self.is_authenticated,
            }
            file.write(json.dumps(origin).encode())


def _passing(error: Exception) -> bool:
    """Whether another try may do better: not after a refusal, nor with an address that is none."""
    response = getattr(error, "response", None)
    if response is not None and response.status_code < 500:
        return response.status_code in (408, 429)
    return not isinstance(error, ValueError)


def _is_authenticated(response: requests.Response) -> bool:
    """Whether each host on the way to a response, redirections included, proved its name."""
    return all(hop.url.startswith("https://") for hop in (*response.history, response))


def _extent(response: requests.Response, asked: int) -> tuple[int, int | None]:
    """Where the body of a response begins in the file, and how long the file is if that is known."""
    if response.status_code == 206:
        parts = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", response.headers.get("Content-Range", ""))
        if parts is None or int(parts[1]) != asked:
            raise DownloadError("another part was sent than was asked for")
        return asked, int(parts[2])
    length = response.headers.get("Content-Length", "")
    return 0, int(length) if length.isdecimal() else None
