"""`a2p train`: the four trainers of motion, each built on those before, and the avatar's."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from a2p_backend.cli.console import StageBars, done, loading
from a2p_backend.wire.progress import Progress

app = typer.Typer(
    help="Train an actor's networks: codec, guide, body, face (they go on where they were stopped), avatar.",
    no_args_is_help=True,
)

DatasetArgument = Annotated[Path, typer.Argument(help="The dataset's folder: sceneNN_audio.wav and so on.")]
OutOption = Annotated[Path, typer.Option("--out", "-o", help="The actor's folder; its name is the actor's.")]
StepsOption = Annotated[int | None, typer.Option(min=1, help="Default: the default actor's.")]
SeedOption = Annotated[int, typer.Option(help="Of the weights' start and the order of the data.")]


@app.command()
def codec(dataset: DatasetArgument, out: OutOption, steps: StepsOption = None, seed: SeedOption = 0) -> None:
    """Train the codec of guide poses. The first of the four."""
    from a2p_backend.training.codec import train_codec
    from a2p_backend.training.default_actor import CODEC

    _train("codec", train_codec, CODEC, dataset, out, steps, seed)


@app.command()
def guide(dataset: DatasetArgument, out: OutOption, steps: StepsOption = None, seed: SeedOption = 0) -> None:
    """Train the guide transformer. Needs the codec."""
    from a2p_backend.training.default_actor import GUIDE
    from a2p_backend.training.guide import train_guide

    _train("guide", train_guide, GUIDE, dataset, out, steps, seed)


@app.command()
def body(dataset: DatasetArgument, out: OutOption, steps: StepsOption = None, seed: SeedOption = 0) -> None:
    """Train the body's denoiser. Needs the codec."""
    from a2p_backend.training.body import train_body
    from a2p_backend.training.default_actor import BODY

    _train("body", train_body, BODY, dataset, out, steps, seed)


@app.command()
def face(dataset: DatasetArgument, out: OutOption, steps: StepsOption = None, seed: SeedOption = 0) -> None:
    """Train the face's denoiser. Needs none of the others."""
    from a2p_backend.training.default_actor import FACE
    from a2p_backend.training.face import train_face

    _train("face", train_face, FACE, dataset, out, steps, seed)


@app.command()
def avatar(
    character: Annotated[Path, typer.Argument(help="A rigged character: .blend, .glb, .vrm or .fbx.")],
    out: OutOption,
    steps: Annotated[int | None, typer.Option(min=1, help="Of the network. Default: 1500.")] = None,
    texture: Annotated[
        int | None, typer.Option(min=64, max=4096, help="Texels along a side. Default: 1024.")
    ] = None,
    views: Annotated[
        int | None,
        typer.Option(min=1, max=64, help="A sixth of the pictures of either kind. Default: 12."),
    ] = None,
    seed: SeedOption = 0,
    head: Annotated[Path | None, typer.Option(help="Write the head's geometry there, too (.npz).")] = None,
) -> None:
    """Fit an avatar to views of a character, so that plates show it. Needs Blender's module.

    Blender renders the character in its plain colours, to which a texture is fitted, and under a white dome
    with its shape keys in play; with where its vertices are in random poses these teach a small network what
    expressions do to the light on the skin, and what poses do to the mesh. Takes some minutes; goes on where
    it was stopped.
    """
    from a2p_backend.actors.manifest import AVATAR_FOLDER
    from a2p_backend.actors.registry import actor_folders, user_actors
    from a2p_backend.avatar.trained.decoder import load_decoder
    from a2p_backend.training.avatar import AvatarConfig, train_avatar
    from a2p_backend.training.head_geometry import write_head

    given = {"texture": texture, "views": views}
    config = AvatarConfig()
    loop = dataclasses.replace(config.loop, seed=seed, steps=steps or config.loop.steps)
    config = dataclasses.replace(
        config, loop=loop, **{name: value for name, value in given.items() if value is not None}
    )
    with StageBars() as bars:
        report = train_avatar(
            character, out, config, lambda stage, step, total: bars(Progress(stage, step, total))
        )
    if head is not None:
        write_head(load_decoder(out / AVATAR_FOLDER), head)
    place = out.resolve()
    installed = place in {folder.resolve() for folder in actor_folders().values()}
    first = "" if installed else f"Move {place} into {user_actors()}, or set A2P_ACTORS to {place.parent}. "
    done(
        out / AVATAR_FOLDER,
        report.line() + ".",
        f"{first}Take a look: a2p generate speech.wav --actor {place.name} -o take.npz, then a2p render"
        " take.npz -o plate.mp4",
    )


def _train(
    name: str,
    trainer: Callable[..., None],
    config: Any,
    dataset: Path,
    out: Path,
    steps: int | None,
    seed: int,
) -> None:
    from a2p_backend.training.corpus import Corpus
    from a2p_backend.training.workshop import settled_statistics

    loop = dataclasses.replace(config.loop, seed=seed, steps=steps or config.loop.steps)
    with loading(f"Reading {dataset}"):
        corpus = Corpus.load(dataset, statistics=settled_statistics(out))
    with StageBars() as bars:

        def on_progress(step: int, total: int, line: str) -> None:
            bars(Progress(name, step, total))

        trainer(corpus, dataclasses.replace(config, loop=loop), out, on_progress)
    done(out, f"Trained the {name} for {loop.steps} steps.", "See what the actor has with `a2p actors info`.")
