"""`a2p actors`: which model sets are installed; more of them, and fewer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from a2p_backend.cli.console import StageBars, console, done, loading, warn

if TYPE_CHECKING:
    from a2p_backend.actors.released import AddedActor

_DRAWN_BY = {"codec": "its codec avatar", "trained": "its trained avatar", None: "its mesh"}

app = typer.Typer(help="The installed actors.", no_args_is_help=True)


@app.command("list")
def list_actors() -> None:
    """List the installed actors: name, networks, title."""
    from a2p_backend.actors.manifest import ActorError, ActorManifest
    from a2p_backend.actors.registry import actor_folders, user_actors

    folders = actor_folders()
    if not folders:
        console.print(f"no actor is installed; put one into {user_actors()}", markup=False)
    for name, folder in sorted(folders.items()):
        try:
            manifest = ActorManifest.read(folder)
        except ActorError as error:
            warn((str(error),))  # the others are there all the same
            continue
        typer.echo(f"{name}\t{', '.join(manifest.networks)}\t{manifest.title}")


@app.command()
def info(name: Annotated[str, typer.Argument(help="The actor's name.")]) -> None:
    """Show what is known of one actor."""
    from a2p_backend.actors.manifest import ActorManifest
    from a2p_backend.actors.registry import find_actor

    folder = find_actor(name)
    manifest = ActorManifest.read(folder)
    defaults = manifest.defaults
    rows = {
        "name": manifest.name,
        "title": manifest.title,
        "licence": manifest.licence,
        "folder": str(folder),
        "audio": str(manifest.features.get("kind", "")),
        "networks": ", ".join(
            f"{part} ({_size(folder / entry.file)})" for part, entry in manifest.networks.items()
        ),
        "body": "its own" if manifest.body == "own" else "the default actor's",
        "drawn by": _DRAWN_BY[manifest.avatar],
        "face codes": ", ".join(manifest.face_codes),
        "guidance": f"face {defaults.face_guidance:g}, body {defaults.body_guidance:g}",
    }
    typer.echo("\n".join(f"{subject:<12}{found}" for subject, found in rows.items()))
    for file, sha256 in manifest.sources.items():
        typer.echo(f"{'made from':<12}{file} (SHA-256 {sha256})")


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="What to call the actor.")],
    source: Annotated[Path, typer.Option("--from", help="The folder that the released files are in.")],
    replace: Annotated[bool, typer.Option("--replace", help="Replace an actor of that name.")] = False,
) -> None:
    """Add an actor from released audio2photoreal files that were unpacked by hand."""
    with loading("Reading the released files"):
        from a2p_backend.actors.released import add_released_actor

        added = add_released_actor(name, source, replace=replace)
    _tell(added)


@app.command()
def fetch(
    name: Annotated[str, typer.Argument(help="PXB184, RLW104, TXB805, GQS883, or all that are missing.")],
    from_dir: Annotated[
        Path | None, typer.Option(help="A folder with the archives; nothing is downloaded.")
    ] = None,
    mirror: Annotated[
        str | None, typer.Option(help="An address below which the archives lie, tried first.")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Replace an actor of that name.")] = False,
) -> None:
    """Download a released actor (CC BY-NC 4.0, by Meta; gigabytes) and add it."""
    with loading("Loading the networks' library"):
        from a2p_backend.actors.addresses import RELEASED_ACTORS
        from a2p_backend.actors.fetch import downloads, fetch_actor
        from a2p_backend.actors.registry import actor_folders

    missing = [actor for actor in RELEASED_ACTORS if replace or actor not in actor_folders()]
    for actor in missing if name == "all" else (name,):
        with StageBars() as bars:
            added = fetch_actor(actor, from_dir=from_dir, mirror=mirror, replace=replace, on_progress=bars)
        _tell(added)
    if from_dir is None:
        console.print(f"The archives are in {downloads()}; they are not needed any more.", markup=False)


@app.command()
def remove(name: Annotated[str, typer.Argument(help="The actor's name.")]) -> None:
    """Delete an actor that was added."""
    from a2p_backend.actors.released import remove_actor

    done(remove_actor(name), f"The actor {name} is deleted.", "`a2p actors list` shows the others.")


def _size(path: Path) -> str:
    return (
        f"{path.stat().st_size / 1e6:.1f} MB" if path.exists() else "its file is missing: add the actor anew"
    )


def _tell(added: AddedActor) -> None:
    warn(added.notes)
    networks = ", ".join(added.manifest.networks)
    name = added.manifest.name
    done(
        added.folder, f"The actor {name}: {networks}.", f"Try `a2p generate CLIP -o take.npz --actor {name}`."
    )
