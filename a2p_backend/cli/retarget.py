"""`a2p retarget`: a take or a capture on a character's own rig, and how faithful the copy is."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from a2p_backend.cli.blender import run_in_blender
from a2p_backend.cli.console import check_writable, console, done, loading, warn
from a2p_backend.wire.blender_job import BlenderJob, Moment
from kinematics.curves.error_bound import ErrorBound
from kinematics.errors import A2PError
from kinematics.retarget.options import ROOT_MOTIONS, RetargetOptions

_FIGURES = {
    "limb_direction_mean_deg": "limbs point elsewhere, mean degrees",
    "limb_direction_p99_deg": "the same, 99th percentile",
    "hand_error_arm_fraction": "hands are elsewhere, parts of an arm",
    "foot_slide_cm": "standing feet slide, cm",
    "max_step_deg": "largest turn in a frame, degrees",
}

RigOption = Annotated[
    Path, typer.Option("--rig", help="The character: .fbx, .glb, .vrm, .blend, .dae, .bvh, .usd.")
]
ArmatureOption = Annotated[str, typer.Option(help="Which armature of the file, if it has several.")]
SourceArmatureOption = Annotated[str, typer.Option(help="The same of a source that has several.")]
MapOption = Annotated[Path | None, typer.Option("--map", help="A map of yours (.json): which bone is which.")]
RootMotionOption = Annotated[str, typer.Option(help="What travels over the floor: hips, root or none.")]
HipsOption = Annotated[float, typer.Option(min=0.5, max=1.5, help="How high the hips are carried; 1: as is.")]
FeetOption = Annotated[
    bool, typer.Option(help="Hold the feet still while the source's stand; the hips go along.")
]
HandsOption = Annotated[
    bool,
    typer.Option(
        help="Bring the hands near to where the source has them, as far as the arms still point alike."
    ),
]
FingersOption = Annotated[bool, typer.Option(help="Copy the fingers too.")]
FaceOption = Annotated[
    bool | None,
    typer.Option(
        help="Move the face, too, where the rig has shapes or a jaw for it; a released actor's only if asked."
    ),
]
SimplifyOption = Annotated[
    float | None,
    typer.Option(metavar="DEG", help="As few curve keys as hold every bone to so many degrees."),
]
HandErrorOption = Annotated[
    float, typer.Option(metavar="MM", help="With --simplify: and hold the hands to so many millimetres.")
]


def error_bound(simplify: float | None, hand_error: float) -> ErrorBound | None:
    """What --simplify (degrees) and --hand-error (millimetres) ask for. Raises A2PError."""
    return None if simplify is None else ErrorBound(math.radians(simplify), hand_error / 1000)


def retarget_job(
    source: Path,
    rig: Path,
    armature: str,
    source_armature: str,
    map_file: Path | None,
    options: RetargetOptions,
    bound: ErrorBound | None,
) -> BlenderJob:
    """A job for Blender. Raises A2PError for what can be seen beforehand."""
    for path in (source, rig, *([map_file] if map_file else [])):
        if not path.is_file():
            raise A2PError(f"There is no file {path}.")
    if options.root_motion not in ROOT_MOTIONS:
        raise A2PError(f"root-motion is {options.root_motion!r}: choose one of {', '.join(ROOT_MOTIONS)}.")
    return BlenderJob(
        source=str(source.resolve()),
        rig=str(rig.resolve()),
        armature=armature,
        source_armature=source_armature,
        options=options,
        map_file=str(map_file.resolve()) if map_file else None,
        simplify=bound,
    )


def retarget(
    source: Annotated[Path, typer.Option("--source", help="A take (.npz), or a capture: .bvh, .fbx, .glb.")],
    rig: RigOption,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="The .blend to write.")] = None,
    armature: ArmatureOption = "",
    source_armature: SourceArmatureOption = "",
    map_file: MapOption = None,
    root_motion: RootMotionOption = RetargetOptions.root_motion,
    hips_height: HipsOption = RetargetOptions.hips_height,
    plant_feet: FeetOption = True,
    reach_hands: HandsOption = True,
    fingers: FingersOption = RetargetOptions.fingers,
    face: FaceOption = None,
    simplify: SimplifyOption = None,
    hand_error: HandErrorOption = 1000 * ErrorBound.hand,
    sheet: Annotated[
        Path | None, typer.Option(help="A picture (.png) of some moments, source and rig side by side.")
    ] = None,
    report: Annotated[bool, typer.Option("--report", help="Measure how faithful the copy is.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Copy a motion to a character's own rig; the rig stays as it is."""
    if out is None and sheet is None and not report:
        raise A2PError(
            "Say what to do: -o FILE.blend keeps the result, --sheet FILE.png shows it, --report measures it."
        )
    if sheet is not None and sheet.suffix.lower() != ".png":
        raise A2PError(f"--sheet is {sheet}: give the picture a name that ends in .png.")
    for file in (out, sheet):
        if file is not None:
            check_writable(file)
    options = RetargetOptions(
        plant_feet=plant_feet,
        reach_hands=reach_hands,
        root_motion=root_motion,  # type: ignore[arg-type]
        hips_height=hips_height,
        fingers=fingers,
    )
    bound = error_bound(simplify, hand_error)
    job = replace(
        retarget_job(source, rig, armature, source_armature, map_file, options, bound),
        save=str(out.resolve()) if out else None,
        report=report,
    )
    with tempfile.TemporaryDirectory(prefix="a2p-sheet-") as folder:
        with loading(f"{source.name} onto {rig.name}"):
            answer = run_in_blender(replace(job, pictures=folder if sheet else None), face)
        if sheet is not None:
            _write_sheet(sheet, answer.pictures)
    warn(answer.notes)
    if as_json:
        fields = asdict(replace(answer, pictures=(), fidelity=None))
        del fields["pictures"], fields["fidelity"]
        typer.echo(json.dumps({**(answer.fidelity or {}), **fields}, indent=2))
        return
    console.print(
        f"{answer.rig}: {answer.map}, {answer.bones} bones, {answer.frames} frames, "
        f"sure to {100 * answer.confidence:.0f} %",
        markup=False,
    )
    if answer.missing:
        console.print(f"not there: {', '.join(answer.missing)}", markup=False)
    for sentence in filter(None, (answer.face, *answer.simplified)):
        console.print(sentence, markup=False)
    for key, words in _FIGURES.items() if answer.fidelity else ():
        console.print(f"{answer.fidelity[key]:10.3f}  {words}", markup=False)
    if sheet is not None:
        done(sheet, "Source and rig, from the front and from the side.", "Look for limbs that differ.")
    if out is not None:
        done(out, f"{answer.frames} frames.", "Open it in Blender and press play.")


def _write_sheet(sheet: Path, moments: Sequence[Moment]) -> None:
    """Joins pictures of moments: of each, source and rig from the front, then both from the side."""
    import numpy as np

    from a2p_backend.avatar.contact_sheet import contact_sheet, read_picture, write_png

    views = [
        [
            np.hstack([read_picture(source), read_picture(rig)])
            for source, rig in zip(moment.source, moment.rig, strict=True)
        ]
        for moment in moments
    ]
    pairs = [(front, side) for front, side in views]
    write_png(sheet, contact_sheet(pairs, [moment.seconds for moment in moments], columns=2))
