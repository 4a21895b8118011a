"""The add-on at work without a window: a recording in; a .blend, FBX, BVH, plate, take and pictures out.

    python -m blender_addon.batch --clip talk.wav --out FOLDER

Runs in any Python that has bpy, through the same operators as the panel. A backend must be running. With
--progress, lines of JSON say how far it is, {"stage", "done", "total"}, and what took how long,
{"stage", "seconds"}.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path

import bpy
import numpy as np

from a2p_backend.wire.client import Client
from a2p_backend.wire.endpoint import ENDPOINT_VARIABLE
from a2p_backend.wire.performance import save_take
from a2p_backend.wire.progress import OnProgress, Progress
from a2p_backend.wire.settings import DEFAULT_PRESET, PRESETS, GenerateSettings, PlateSettings
from kinematics.armature import bone_rest
from kinematics.body import Body
from kinematics.camera import frame_figure
from kinematics.errors import A2PError

from . import jobs, register, unregister
from .scene import preview, takes

EXIT_USER_ERROR = 2


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says; returns the process's exit code."""
    options = _parser().parse_args(arguments)
    if options.endpoint:
        os.environ[ENDPOINT_VARIABLE] = str(options.endpoint.resolve())
    bpy.ops.wm.read_factory_settings(use_empty=True)
    register()
    try:
        _produce(options)
    except (A2PError, RuntimeError) as error:
        print(f"error: {str(error).removeprefix('Error: ').strip()}", file=sys.stderr)
        return EXIT_USER_ERROR
    finally:
        unregister()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m blender_addon.batch", description="A recording to a rig."
    )
    parser.add_argument("--clip", type=Path, required=True, help="the recording")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--name", default="demo", help="name of the .blend, .fbx and .bvh files")
    parser.add_argument("--endpoint", type=Path, help="endpoint file of the backend, if not the usual one")
    parser.add_argument("--actor", default=GenerateSettings.actor)
    parser.add_argument("--seed", type=int, default=GenerateSettings.seed)
    parser.add_argument("--preset", choices=tuple(PRESETS), default=DEFAULT_PRESET)
    parser.add_argument(
        "--width", type=int, default=PlateSettings.width, help="of plate and pictures, pixels"
    )
    parser.add_argument("--height", type=int, default=PlateSettings.height)
    parser.add_argument("--progress", action="store_true", help="say how far it is, as lines of JSON")
    parser.add_argument("--pictures", type=int, default=8, help="how many frames to draw, evenly spread")
    return parser


def _produce(options: argparse.Namespace) -> None:
    reporter = _Reporter(options.progress)
    jobs.on_background_progress = reporter.progress
    out = options.out = options.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    blend = out / f"{options.name}.blend"
    bpy.context.preferences.filepaths.save_version = 0  # no .blend1 beside it
    # Saved before anything is placed, so that the .blend refers to plate and clip by relative paths.
    bpy.ops.wm.save_as_mainfile(filepath=str(blend), check_existing=False, compress=True)
    with reporter.timed("generate"):
        bpy.ops.a2p.generate(
            clip=str(options.clip.resolve()), actor=options.actor, seed=options.seed, preset=options.preset
        )
    rig = takes.find_rig(bpy.context)
    save_take(takes.attached_performance(rig.animation_data.action), out / "take.npz")
    with reporter.timed("plate"):
        bpy.ops.a2p.plate(
            filepath=str(out / "plate.mp4"), plate_width=options.width, plate_height=options.height
        )
    with reporter.timed("export"):
        bpy.ops.a2p.export(filepath=str(out / f"{options.name}.fbx"), format="FBX")
        bpy.ops.a2p.export(filepath=str(out / f"{options.name}.bvh"), format="BVH")
    with reporter.timed("pictures"):
        with Client.connect(options.endpoint) as client:
            body = client.body(options.actor)
        _draw_pictures(rig, body, options, partial(reporter.progress, "Drawing"))
    _look_through_camera()
    bpy.ops.wm.save_as_mainfile(filepath=str(blend), check_existing=False, compress=True)


def _draw_pictures(
    rig: bpy.types.Object, body: Body, options: argparse.Namespace, report: OnProgress
) -> None:
    """Pictures of the rig from the plate's camera, named by frame."""
    first, last = rig.animation_data.action.frame_range
    # Not the take's very ends: each picture stands for a stretch of it.
    edges = np.linspace(first, last, options.pictures + 1)
    frames = [int(frame) for frame in (edges[:-1] + edges[1:]) / 2]
    camera = frame_figure("front", options.width, options.height)
    preview.render_preview(rig, bone_rest(body), camera, frames, options.out / "pictures", report)


def _look_through_camera() -> None:
    """Open the .blend on what matters: the plate behind the rig, in step with the sound."""
    bpy.context.scene.sync_mode = "AUDIO_SYNC"
    for screen in bpy.data.screens:
        for area in screen.areas:
            if area.type == "VIEW_3D":
                area.spaces.active.region_3d.view_perspective = "CAMERA"


class _Reporter:
    """Says how the work goes."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json

    def progress(self, label: str, progress: Progress) -> None:
        """How far a job is."""
        if self._as_json:
            event = {key: value for key, value in asdict(progress).items() if value is not None}
            print(json.dumps(event), flush=True)
        else:
            jobs.print_progress(label, progress)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """How long the block took."""
        began = time.monotonic()
        yield
        seconds = time.monotonic() - began
        if self._as_json:
            print(json.dumps({"stage": stage, "seconds": seconds}), flush=True)
        else:
            print(f"{stage}: {seconds:.1f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
