"""`a2p actors`: which model sets are installed."""

from __future__ import annotations

from typing import Annotated

import typer

from a2p_backend.cli.console import console

app = typer.Typer(help="The installed actors.", no_args_is_help=True)


@app.command("list")
def list_actors() -> None:
    """List the installed actors."""
    from a2p_backend.actors.manifest import ActorManifest
    from a2p_backend.actors.registry import actor_folders, user_actors

    folders = actor_folders()
    if not folders:
        console.print(f"no actor is installed; put one into {user_actors()}", markup=False)
    for name, folder in sorted(folders.items()):
        manifest = ActorManifest.read(folder)
        typer.echo(f"{name}\t{', '.join(manifest.networks)}\t{manifest.title}")


@app.command()
def info(name: Annotated[str, typer.Argument(help="The actor's name.")]) -> None:
    """Show what is known of one actor."""
    from a2p_backend.actors.manifest import ActorManifest
    from a2p_backend.actors.registry import find_actor

    folder = find_actor(name)
    manifest = ActorManifest.read(folder)
    sizes = {part: (folder / entry.file).stat().st_size for part, entry in manifest.networks.items()}
    defaults = manifest.defaults
    rows = {
        "name": manifest.name,
        "title": manifest.title,
        "licence": manifest.licence,
        "folder": str(folder),
        "audio": str(manifest.features.get("kind", "")),
        "networks": ", ".join(f"{part} ({size / 1e6:.1f} MB)" for part, size in sizes.items()),
        "face codes": ", ".join(manifest.face_codes),
        "guidance": f"face {defaults.face_guidance:g}, body {defaults.body_guidance:g}",
    }
    typer.echo("\n".join(f"{subject:<12}{found}" for subject, found in rows.items()))
