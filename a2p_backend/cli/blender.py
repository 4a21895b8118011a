"""Jobs for `blender_addon.headless`: what it needs to know of a take is written into files for it."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

import numpy as np

from a2p_backend import blender_process
from a2p_backend.wire.blender_job import BlenderAnswer, BlenderJob
from a2p_backend.wire.performance import load_take
from kinematics.face_codes import FACE_CODE_NAMES

LONGEST_JOB = 3600.0


def run_in_blender(job: BlenderJob, face: bool | None) -> BlenderAnswer:
    """Do a job, to which `body` and `face` are added. Raises A2PError with what went wrong.

    face: whether a take's face goes along, None where that takes no time.
    """
    blender_process.require()
    reports: list[blender_process.Report] = []
    with tempfile.TemporaryDirectory(prefix="a2p-blender-") as folder:
        source = Path(job.source)
        if source.suffix == ".npz":
            body, motion = _write_body(source, Path(folder)), _write_face(source, Path(folder), face)
            job = dataclasses.replace(job, body=str(body), face=motion)
        order = Path(folder) / "job.json"
        order.write_text(job.to_json(), encoding="utf-8")
        blender_process.run_program(
            "blender_addon.headless",
            [str(order)],
            LONGEST_JOB,
            reports.append,
            crash=f"Blender failed on {job.rig}, which may be damaged",
        )
    return BlenderAnswer.from_fields(reports[-1]["result"])


def _write_body(take: Path, folder: Path) -> Path:
    """The body of a take's actor, for a process that knows no actors. Raises A2PError."""
    actor = load_take(take).actor
    from a2p_backend.actors.actor import load_actor_body
    from a2p_backend.actors.manifest import ActorManifest
    from a2p_backend.actors.registry import find_actor

    home, path = find_actor(actor), folder / "body.npz"
    np.savez(path, **load_actor_body(home, ActorManifest.read(home)).to_arrays())
    return path


def _write_face(take: Path, folder: Path, asked: bool | None) -> str | None:
    """What a take's face does, for a process that knows no actors; None where it is to stay behind.

    Unless asked for, that is so where the actor's avatar would have to be looked at frame by frame. Raises
    A2PError.
    """
    if asked is False:
        return None
    from a2p_backend.actors.actor import default_device
    from a2p_backend.actors.head import load_head
    from a2p_backend.actors.manifest import ActorManifest
    from a2p_backend.actors.registry import find_actor

    performance = load_take(take)
    home, path = find_actor(performance.actor), folder / "face.npz"
    if asked is None and ActorManifest.read(home).face_codes != FACE_CODE_NAMES:
        return None
    motion = load_head(home, default_device()).motion(performance, lambda _: None)
    np.savez(path, gram=motion.gram, products=motion.products)
    return str(path)
