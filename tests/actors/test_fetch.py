"""Downloads over bad connections, and whole actors fetched over them."""

from __future__ import annotations

import json
import random
import shutil
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from a2p_backend.actors import download
from a2p_backend.actors.addresses import AddressError, Archive, archives
from a2p_backend.actors.download import Checksums, DownloadError, obtain, sha256_of
from a2p_backend.actors.fetch import downloads, fetch_actor
from a2p_backend.actors.manifest import ActorError
from a2p_backend.actors.registry import user_actors
from a2p_backend.actors.unpacking import UnpackError
from a2p_backend.wire.progress import Progress
from tests.actors.misbehaving_server import Misbehaviour, Server, misbehaving_server
from tests.released_folder import released

CONTENT = random.Random(0).randbytes(3_000_000)
FILE = "archive.tar"


@pytest.fixture
def server() -> Iterator[Server]:
    with misbehaving_server() as running:
        yield running


@pytest.fixture(autouse=True)
def nothing_of_the_users(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("A2P_ACTORS", str(tmp_path / "actors"))
    for kind in ("CACHE", "CONFIG"):
        monkeypatch.setenv(f"XDG_{kind}_HOME", str(tmp_path / kind))


class Client:
    """One user who wants the archive, and looks whether it is the right one."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server, self.folder = server, folder
        self.checksums = Checksums(folder / "checksums.json")
        self.heard: list[Progress] = []
        self.got = b""
        self.notes: tuple[str, ...] = ()

    def obtain(self, *paths: str, pauses: tuple[float, ...] = (0.0, 0.0)) -> bytes:
        """paths: below the server's address, or whole addresses."""
        addresses = tuple(path if "://" in path else self.server.address + path for path in paths)
        archive = Archive(FILE, addresses, "something")
        self.notes = obtain(archive, self.folder, self.checksums, self._use, self.heard.append, pauses)
        return self.got

    def _use(self, path: Path) -> None:
        self.got = path.read_bytes()
        if not self.got.startswith(CONTENT[:100]) or len(self.got) < len(CONTENT):
            raise UnpackError(f"{path.name} is damaged or no archive.")


@pytest.fixture
def client(server: Server, tmp_path: Path) -> Client:
    return Client(server, tmp_path / "downloads")


def test_a_good_host(server: Server, client: Client) -> None:
    server.paths["/a"] = Misbehaviour(CONTENT)
    assert client.obtain("/a") == CONTENT
    assert client.heard[-1] == Progress(FILE, len(CONTENT), len(CONTENT))
    assert client.checksums.of(FILE) == sha256_of(client.folder / FILE)
    assert sorted(path.name for path in client.folder.iterdir()) == [FILE, "checksums.json"]
    client.obtain("/a")
    assert len(server.asked) == 1


def test_dropped_connections_go_on_where_they_were(server: Server, client: Client) -> None:
    server.paths["/a"] = Misbehaviour(CONTENT, drops_after=700_000)
    assert client.obtain("/a", pauses=(0.0,)) == CONTENT
    starts = [asked for _, asked in server.asked]
    assert starts == [None, "bytes=700000-", "bytes=1400000-", "bytes=2100000-", "bytes=2800000-"]


def test_a_later_run_goes_on_where_the_last_one_was(server: Server, client: Client) -> None:
    server.paths["/a"] = Misbehaviour(CONTENT, drops_after=2_000_000)
    with pytest.raises(DownloadError, match=r"connection ended after 2000000"):
        client.obtain("/a", pauses=())
    server.paths["/a"] = Misbehaviour(CONTENT)
    assert client.obtain("/a") == CONTENT
    assert server.asked[-1] == ("/a", "bytes=2000000-")


def test_a_file_that_changed_meanwhile_is_begun_anew(server: Server, client: Client) -> None:
    server.paths["/a"] = Misbehaviour(b"old" * 1_000_000, drops_after=2_000_000)
    with pytest.raises(DownloadError):
        client.obtain("/a", pauses=())
    server.paths["/a"] = Misbehaviour(CONTENT, etag='"2"')
    assert client.obtain("/a") == CONTENT


BAD = {
    "gone": (Misbehaviour(status=404), "Not Found"),
    "broken": (Misbehaviour(status=503), "Service Unavailable"),
    "announces too much": (
        Misbehaviour(CONTENT[:500_000], announced=len(CONTENT), ranges=False),
        "ended after",
    ),
    "announces too little": (Misbehaviour(CONTENT, announced=1_000_000), "damaged"),
    "truncates": (Misbehaviour(CONTENT[:1_000_000]), "damaged"),
    "sends a page": (Misbehaviour(b"<html>Sign in</html>"), "damaged"),
    "announces terabytes": (Misbehaviour(b"", announced=1 << 45), "do not fit"),
}


@pytest.mark.parametrize("fault", BAD)
def test_the_next_address_is_tried(fault: str, server: Server, client: Client) -> None:
    server.paths["/bad"], reason = BAD[fault]
    with pytest.raises(DownloadError, match=rf"archive\.tar, something, could not be had.*/bad: .*{reason}"):
        client.obtain("/bad")
    assert client.checksums.of(FILE) is None
    server.paths["/good"] = Misbehaviour(CONTENT)
    assert client.obtain("/bad", "/good") == CONTENT


def test_no_host_at_all(client: Client) -> None:
    client.server.address = "http://127.0.0.1:9"
    with pytest.raises(DownloadError, match="ConnectionError"):
        client.obtain("/a")
    client.server.address = "gopher://nowhere"
    with pytest.raises(DownloadError, match="could not be had"):
        client.obtain("/a")


def test_the_checksum_of_the_first_use_is_asked_of_all_later_ones(server: Server, client: Client) -> None:
    server.paths["/a"] = Misbehaviour(CONTENT)
    client.obtain("/a")
    (client.folder / FILE).unlink()
    server.paths["/a"] = Misbehaviour(CONTENT + b"more")
    server.paths["/b"] = Misbehaviour(CONTENT)
    with pytest.raises(DownloadError, match="another checksum than at the first download"):
        client.obtain("/a")
    assert client.obtain("/a", "/b") == CONTENT


def test_a_checksum_learnt_over_plain_http_is_told(server: Server, client: Client) -> None:
    server.paths["/a"] = Misbehaviour(CONTENT)
    client.obtain("/a")
    (note,) = client.notes
    assert note.startswith(
        f"{FILE} came over a connection that proves nobody's identity ({server.address}/a)"
    )
    assert client.checksums.of(FILE) in note
    (client.folder / FILE).unlink()
    client.obtain("/a")
    assert client.notes == ()  # now the checksum vouches for it


HOST = "https://models.example"


@pytest.fixture
def with_https(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """HOST is the server, as if it had a certificate; /to-http sends on to the plain one."""
    get = requests.get

    def get_as_if(url: str, **options: Any) -> requests.Response:
        response = get(url.replace(HOST, server.address).replace("/to-http", ""), **options)
        if "/to-http" in url:
            sent_on = requests.Response()
            sent_on.url, sent_on.status_code = url, 302
            response.history.append(sent_on)
        else:
            response.url = url
        return response

    monkeypatch.setattr(requests, "get", get_as_if)


@pytest.mark.usefixtures("with_https")
def test_a_host_that_proves_its_name_is_trusted_with_the_checksum(server: Server, client: Client) -> None:
    server.paths["/a"] = Misbehaviour(CONTENT, drops_after=2_000_000)
    client.obtain(f"{HOST}/a")
    assert client.checksums.of(FILE) is not None
    assert client.notes == ()


@pytest.mark.usefixtures("with_https")
def test_a_host_that_sends_on_to_plain_http_is_not(server: Server, client: Client) -> None:
    server.paths["/a"] = Misbehaviour(CONTENT)
    client.obtain(f"{HOST}/to-http/a")
    assert "proves nobody's identity" in client.notes[0]


@pytest.mark.usefixtures("with_https")
def test_one_part_over_plain_http_is_enough_to_be_told(
    server: Server, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.paths["/a"] = Misbehaviour(CONTENT, drops_after=2_000_000)
    with monkeypatch.context() as without_https:
        without_https.setattr(download, "_is_authenticated", lambda response: False)
        with pytest.raises(DownloadError):
            client.obtain(f"{HOST}/a", pauses=())
    client.obtain(f"{HOST}/a")
    assert server.asked[-1] == ("/a", "bytes=2000000-")
    assert "proves nobody's identity" in client.notes[0]


def test_what_an_unfinished_run_left_is_told(server: Server, client: Client) -> None:
    client.folder.mkdir()
    (client.folder / FILE).write_bytes(CONTENT)
    client.obtain("/a")
    assert server.asked == []
    assert "by an earlier run, which did not finish" in client.notes[0]


@pytest.fixture
def released_archives(tmp_path: Path) -> Path:
    """A miniature actor in the archives that it is released in."""
    source = released().write(tmp_path / "source")
    folder = tmp_path / "archives"
    folder.mkdir()
    for file, parts, mode in (
        ("PXB184_models.tar", ["checkpoints"], "w"),
        ("asset_models.tar", ["assets"], "w"),
        ("PXB184.tar.gz", ["ca_body"], "w:gz"),
    ):
        with tarfile.open(folder / file, mode) as archive:
            for part in parts:
                archive.add(source / part, part)
    with zipfile.ZipFile(folder / "PXB184.zip", "w") as archive:
        archive.write(source / "dataset/PXB184/data_stats.pth", "PXB184/data_stats.pth")
        archive.writestr("PXB184/scene01_audio.wav", bytes(10_000))
    return folder


def serve_archives(server: Server, folder: Path) -> None:
    for path in folder.iterdir():
        half = path.stat().st_size // 2 + 1
        drops = half if path.name == "PXB184_models.tar" else None
        server.paths[f"/{path.name}"] = Misbehaviour(path.read_bytes(), drops_after=drops)


def test_an_actor_is_fetched_from_a_mirror(server: Server, released_archives: Path) -> None:
    serve_archives(server, released_archives)
    stages: list[str] = []
    added = fetch_actor("PXB184", mirror=server.address, on_progress=lambda news: stages.append(news.stage))
    *unvouched, note = added.notes
    assert [sentence.split()[0] for sentence in unvouched] == [
        "PXB184_models.tar",
        "asset_models.tar",
        "PXB184.zip",
        "PXB184.tar.gz",
    ]
    assert "there is no ca_body/data/NAME/body_dec.ckpt" in note
    assert added.manifest.networks.keys() == {"face", "lip", "guide", "codec", "body"}
    assert added.manifest.body == "own"
    assert set(stages) == {path.name for path in released_archives.iterdir()}
    assert {path.name for path in downloads().iterdir()} == set(stages)
    assert set(json.loads((user_actors() / "checksums.json").read_text())) == set(stages)
    with pytest.raises(ActorError, match="--replace"):
        fetch_actor("PXB184", mirror=server.address)


def test_an_actor_is_fetched_from_a_folder(released_archives: Path, tmp_path: Path) -> None:
    (released_archives / "PXB184.tar.gz").unlink()
    added = fetch_actor("PXB184", from_dir=released_archives)
    assert added.manifest.body == "default"
    with (released_archives / "asset_models.tar").open("ab") as file:
        file.write(b"changed")
    with pytest.raises(DownloadError, match=r"another checksum than the asset_models\.tar"):
        fetch_actor("PXB184", from_dir=released_archives, replace=True)
    (released_archives / "asset_models.tar").unlink()
    with pytest.raises(
        DownloadError, match=r"holds PXB184_models\.tar but not asset_models\.tar, .*get it from"
    ):
        fetch_actor("PXB184", from_dir=released_archives, replace=True)
    shutil.rmtree(released_archives)
    fetch_actor("PXB184", from_dir=tmp_path / "source", replace=True)  # what was unpacked by hand
    with pytest.raises(ActorError, match="No released actor is called 'ABC123'"):
        fetch_actor("ABC123", from_dir=tmp_path)


def test_the_users_own_addresses(tmp_path: Path) -> None:
    table = tmp_path / "addresses.json"
    assert archives(table)["models"].of("RLW104").addresses[0].endswith("/RLW104_models.tar")
    table.write_text('{"models": ["https://mirror.example/{actor}.tar"]}')
    assert archives(table)["models"].of("RLW104").addresses == ("https://mirror.example/RLW104.tar",)
    assert archives(table)["assets"] == archives(tmp_path / "absent")["assets"]
    for wrong in ("[]", '{"models": "https://mirror.example"}', "{"):
        table.write_text(wrong)
        with pytest.raises(AddressError, match=r"addresses\.json"):
            archives(table)
