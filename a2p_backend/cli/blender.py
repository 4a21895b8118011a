"""Blender as a process of its own: bpy and torch never share one."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from importlib import util
from pathlib import Path
from typing import Any

import numpy as np

from a2p_backend.wire.performance import load_take
from kinematics.errors import A2PError

LONGEST_JOB = 3600.0


def run_in_blender(job: dict[str, Any]) -> dict[str, Any]:
    """Do a job of `blender_addon.headless` and return its result. Raises A2PError with what went wrong."""
    if util.find_spec("bpy") is None:
        raise A2PError(
            'Blender is not here as a Python module: pip install -e ".[blender]" in this environment.'
        )
    with tempfile.TemporaryDirectory(prefix="a2p-blender-") as folder:
        if job["source"].endswith(".npz"):
            job = {**job, "body": str(_write_body(Path(job["source"]), Path(folder)))}
        order = Path(folder) / "job.json"
        order.write_text(json.dumps(job), encoding="utf-8")
        command = [sys.executable, "-m", "blender_addon.headless", str(order)]
        try:
            finished = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8",
                errors="replace", timeout=LONGEST_JOB,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise A2PError(
                f"Blender was not done after {LONGEST_JOB:.0f} s: try a shorter motion."
            ) from error
    if finished.returncode:
        complaints = [line.strip() for line in finished.stderr.splitlines() if line.strip()]
        said = next((line for line in reversed(complaints) if line.startswith("error: ")), "")
        if said:
            raise A2PError(said.removeprefix("error: "))
        last = complaints[-1] if complaints else f"status {finished.returncode}"
        raise A2PError(f"Blender failed on {job['rig']}, which may be damaged: {last}")
    results = [line for line in finished.stdout.splitlines() if line.startswith('{"result"')]
    result: dict[str, Any] = json.loads(results[-1])["result"]
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
