"""How long the add-on keeps Blender busy, measured and printed.

    python -m blender_addon.measure [--clip talk.wav]

Keys a take of 600 frames, every bone. With a clip, also has a running backend perform it, and prints the
longest time that the main thread was held while the job waited, and apart from that how long the step took
that wrote the result.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import wave
from pathlib import Path

import bpy
import numpy as np

from a2p_backend.wire.performance import FACE_SIZE, POSE_SIZE, Performance
from kinematics.armature import bone_motion, bone_rest
from kinematics.body import load_default_body
from kinematics.errors import A2PError
from kinematics.face_codes import FACE_CODE_NAMES

from . import compat, jobs, register, unregister
from .scene import face, keyframes
from .scene.armature import build_armature
from .scene.performance import Placement, place_take, ready_take

FRAMES = 600


def main(arguments: list[str] | None = None) -> int:
    """Measure what the command line asks for; returns the process's exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m blender_addon.measure", description="How long the add-on keeps Blender busy."
    )
    parser.add_argument("--clip", type=Path, help="a recording for a running backend to perform")
    options = parser.parse_args(arguments)
    bpy.ops.wm.read_factory_settings(use_empty=True)
    register()
    try:
        performance = _moving_take()
        bones, seconds = _seconds_to_key(performance)
        print(f"{FRAMES} frames of {bones} bones: keyed in {seconds:.3f} s")
        seconds = _seconds_to_place(performance)
        print(f"the whole take, with rig, mesh and sound: placed in {seconds:.3f} s")
        if options.clip is not None:
            job = _performed(options.clip)
            print(f"longest hold of the main thread while a job waits: {1000 * job.longest_step:.1f} ms")
            print(f"the step that writes its result, undo step included: {1000 * job.last_step:.1f} ms")
    except (A2PError, RuntimeError) as error:
        print(f"error: {str(error).removeprefix('Error: ').strip()}", file=sys.stderr)
        return 2
    finally:
        unregister()
    return 0


def _moving_take() -> Performance:
    """A take in which every parameter moves in every frame."""
    random = np.random.default_rng(0)
    pose = random.normal(0.0, 0.2, (FRAMES, POSE_SIZE)).astype(np.float32)
    codes = random.random((FRAMES, FACE_SIZE)).astype(np.float32)
    return Performance(pose, codes, pose[::30], "default", 0, "silence.wav", "")


def _seconds_to_key(performance: Performance) -> tuple[int, float]:
    body = load_default_body()
    rig = build_armature(bone_rest(body), "measured")
    face.add_face_properties(rig, FACE_CODE_NAMES)
    motion = bone_motion(body, performance.pose)
    action = bpy.data.actions.new("measured")
    began = time.perf_counter()
    with compat.curves_of(action, rig) as curves:
        keyframes.key_bones(curves, motion, 1)
        face.key_face(curves, performance.face, FACE_CODE_NAMES, 1)
    return len(motion.names), time.perf_counter() - began


def _seconds_to_place(performance: Performance) -> float:
    with tempfile.TemporaryDirectory(prefix="a2p-") as folder:
        clip = Path(folder) / performance.clip_name
        with wave.open(str(clip), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(8000)
            file.writeframes(bytes(2 * 8000))
        take = ready_take(load_default_body(), performance, clip)  # in a job, another thread does it
        began = time.perf_counter()
        place_take(bpy.context.scene, take, Placement())
        return time.perf_counter() - began


def _performed(clip: Path) -> jobs.Outcome:
    """How a job went that performs the clip. Raises RuntimeError where it fails."""
    bpy.ops.a2p.generate(clip=str(clip.resolve()), preset="draft")
    outcome = jobs.outcome()
    assert outcome is not None, "in background mode the job is over when the operator returns"
    return outcome


if __name__ == "__main__":
    sys.exit(main())
