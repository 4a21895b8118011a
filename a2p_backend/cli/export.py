"""`a2p export`: a take on a character, as files for other programs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from a2p_backend.cli.blender import run_in_blender
from a2p_backend.cli.console import console, loading, warn
from a2p_backend.cli.retarget import (
    ArmatureOption,
    FaceOption,
    FeetOption,
    FingersOption,
    HandErrorOption,
    HandsOption,
    HipsOption,
    MapOption,
    RigOption,
    RootMotionOption,
    SourceArmatureOption,
    error_bound,
    retarget_job,
)
from kinematics.curves.error_bound import ErrorBound
from kinematics.errors import A2PError
from kinematics.exchange import FORMATS, PRESETS, ExportOptions
from kinematics.retarget.options import RetargetOptions


def export(
    source: Annotated[Path, typer.Argument(help="A take (.npz), or a capture: .bvh, .fbx, .glb.")],
    rig: RigOption,
    to: Annotated[str, typer.Option("--to", help="Formats, such as fbx,bvh,glb,usd.")] = "fbx",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for the files; by default the take's.")
    ] = None,
    preset: Annotated[str, typer.Option(help=f"Axes, bones and names: {', '.join(PRESETS)}.")] = "plain",
    fps: Annotated[float | None, typer.Option(min=1, max=1000, help="Frames a second, if not as is.")] = None,
    deform_only: Annotated[
        bool | None, typer.Option(help="Leave out bones that move no skin; by default as the preset has it.")
    ] = None,
    root_bone: Annotated[
        bool | None,
        typer.Option(help="A root bone that travels as the hips do; by default as the preset has it."),
    ] = None,
    simplify: Annotated[
        float | None,
        typer.Option(
            metavar="DEG",
            help="glTF of few curve keys, each bone within so many degrees; others have every frame.",
        ),
    ] = None,
    hand_error: HandErrorOption = 1000 * ErrorBound.hand,
    armature: ArmatureOption = "",
    source_armature: SourceArmatureOption = "",
    map_file: MapOption = None,
    root_motion: RootMotionOption = RetargetOptions.root_motion,
    hips_height: HipsOption = RetargetOptions.hips_height,
    plant_feet: FeetOption = True,
    reach_hands: HandsOption = True,
    fingers: FingersOption = RetargetOptions.fingers,
    face: FaceOption = None,
) -> None:
    """Put a motion on a character and write it for other programs."""
    formats = [name.strip().lower() for name in to.split(",") if name.strip()]
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        raise A2PError(f"--to is {to!r}: choose from {', '.join(FORMATS)}.")
    if preset not in PRESETS:
        raise A2PError(f"preset is {preset!r}: choose one of {', '.join(PRESETS)}.")
    folder = out or source.parent
    if folder.exists() and not folder.is_dir():
        raise A2PError(f"Cannot write into {folder}: it is a file; name a folder.")
    bound = error_bound(simplify, hand_error)
    if bound is not None and "glb" not in formats:
        raise A2PError(
            "--simplify is for glTF, the one format here that keeps curves: add glb to --to, or leave it out."
        )
    options = RetargetOptions(
        plant_feet=plant_feet,
        reach_hands=reach_hands,
        root_motion=root_motion,  # type: ignore[arg-type]
        hips_height=hips_height,
        fingers=fingers,
    )
    files = [(folder / f"{source.stem} {rig.stem}{FORMATS[name]}").resolve() for name in formats]
    job = replace(
        retarget_job(source, rig, armature, source_armature, map_file, options, bound),
        exports=tuple(map(str, files)),
        export_options=ExportOptions(preset, fps, deform_only, root_bone),
    )
    with loading(f"{source.name} onto {rig.name}"):
        answer = run_in_blender(job, face)
    warn(answer.notes)
    console.print(f"{answer.frames} frames on {answer.rig} ({answer.map}).", markup=False)
    for sentence in filter(None, (answer.face, *answer.simplified)):
        console.print(sentence, markup=False)
    for file in files:
        typer.echo(str(file))
