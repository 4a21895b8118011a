"""Jobs for `blender_addon.headless`: what it needs to know of a take is written into files for it."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from a2p_backend import blender_process
from a2p_backend.wire.performance import load_take
from kinematics.face_codes import FACE_CODE_NAMES

LONGEST_JOB = 3600.0


def run_in_blender(job: dict[str, Any]) -> dict[str, Any]:
    """Do a job of `blender_addon.headless` and return its result. Raises A2PError with what went wrong.

    job: see there, without `body`; face: whether a take's face goes along, None where that takes no time.
    """
    blender_process.require()
    results: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="a2p-blender-") as folder:
        if job["source"].endswith(".npz"):
            job = {**job, "body": str(_write_body(Path(job["source"]), Path(folder)))}
            job["face"] = _write_face(Path(job["source"]), Path(folder), job.get("face"))
        else:
            job = {**job, "face": None}
        order = Path(folder) / "job.json"
        order.write_text(json.dumps(job), encoding="utf-8")
        blender_process.run_program(
            "blender_addon.headless",
            [str(order)],
            LONGEST_JOB,
            results.append,
            crash=f"Blender failed on {job['rig']}, which may be damaged",
        )
    result: dict[str, Any] = results[-1]["result"]
    return result


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
