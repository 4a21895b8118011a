"""Fetches released actors: downloads their archives, or takes them from a folder, unpacks and adds them."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import platformdirs

from a2p_backend.actors.addresses import RELEASED_ACTORS, Archive, ArchiveName, archives
from a2p_backend.actors.download import Checksums, DownloadError, obtain, sha256_of
from a2p_backend.actors.manifest import ActorError
from a2p_backend.actors.registry import actor_folders, user_actors
from a2p_backend.actors.released import AddedActor, OnStep, add_released_actor
from a2p_backend.actors.unpacking import unpack
from a2p_backend.wire.progress import OnProgress
from kinematics.errors import A2PError

CHECKSUMS_NAME = "checksums.json"
"""Beside the user's actors."""

DISPENSABLE: tuple[ArchiveName, ...] = ("avatar",)
"""Archives without which an actor still performs."""


def downloads() -> Path:
    """The folder that archives are downloaded to, where they stay until the user deletes them."""
    return Path(platformdirs.user_cache_dir("a2p", appauthor=False)) / "downloads"


def fetch_actor(
    name: str,
    *,
    from_dir: Path | None = None,
    mirror: str | None = None,
    replace: bool = False,
    on_progress: OnProgress = lambda progress: None,
    on_step: OnStep = lambda step: None,
) -> AddedActor:
    """Fetches a released actor and adds it under its own name.

    Args:
        name: one of RELEASED_ACTORS.
        from_dir: a folder with the archives, or with what was unpacked from them; nothing is downloaded.
        mirror: an address below which all archives lie, tried before the others.
        on_progress: hears of each archive, in bytes.

    Raises:
        DownloadError: an archive cannot be had, or the one in `from_dir` is not of use.
        ActorError: the name is not a released one or is taken, or the files do not make an actor.
    """
    if name not in RELEASED_ACTORS:
        raise ActorError(f"No released actor is called {name!r}; they are {', '.join(RELEASED_ACTORS)}.")
    if name in actor_folders() and not replace:
        raise ActorError(f"An actor {name} is there already: say --replace to fetch it again.")
    user_actors().mkdir(parents=True, exist_ok=True)
    checksums = Checksums(user_actors() / CHECKSUMS_NAME)
    wanted = {kind: archive.of(name) for kind, archive in archives().items()}
    if from_dir is not None:
        wanted = _archives_in(from_dir, wanted)
        if not wanted:
            return add_released_actor(name, from_dir, replace=replace, on_step=on_step)
    notes: list[str] = []
    folder = downloads()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="unpacked-", dir=folder) as root:
        for kind, archive in wanted.items():
            into = partial(_unpack_into, Path(root) / kind, archive.members)
            try:
                if from_dir is not None:
                    _take(archive, from_dir / archive.file, checksums, into)
                else:
                    notes += obtain(_with_mirror(archive, mirror), folder, checksums, into, on_progress)
            except DownloadError as error:
                if kind not in DISPENSABLE:
                    raise
                notes.append(str(error))
        added = add_released_actor(name, Path(root), replace=replace, on_step=on_step)
    return dataclasses.replace(added, notes=(*notes, *added.notes))


def _archives_in(folder: Path, wanted: Mapping[ArchiveName, Archive]) -> dict[ArchiveName, Archive]:
    """The archives that the folder holds: none at all, or at least those that every actor needs."""
    found = {kind: archive for kind, archive in wanted.items() if (folder / archive.file).is_file()}
    for kind, archive in wanted.items():
        if found and kind not in found and kind not in DISPENSABLE:
            raise DownloadError(
                f"{folder} holds {next(iter(found.values())).file} but not {archive.file}, "
                f"{archive.contents}: get it from {archive.addresses[-1]}."
            )
    return found


def _take(archive: Archive, path: Path, checksums: Checksums, use: Callable[[Path], None]) -> None:
    """Uses an archive that was fetched by hand, once it is the known one."""
    known, found = checksums.of(archive.file), sha256_of(path)
    if known not in (None, found):
        raise DownloadError(
            f"{path} has another checksum than the {archive.file} used first ({known}): get it again, "
            f"or delete its line in {checksums.path} if a new one was released."
        )
    use(path)
    if known is None:
        checksums.pin(archive.file, found)


def _unpack_into(folder: Path, members: tuple[str, ...], archive: Path) -> None:
    """Unpacks an archive whole, or leaves nothing of it for the next try."""
    try:
        unpack(archive, folder, members)
    except A2PError:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _with_mirror(archive: Archive, mirror: str | None) -> Archive:
    if mirror is None:
        return archive
    address = f"{mirror.rstrip('/')}/{archive.file}"
    return dataclasses.replace(archive, addresses=(address, *archive.addresses))
