"""What the operators ask the backend for, as jobs: wait for the answer, then put it into the scene."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import bpy

from a2p_backend.wire.files import atomic_write
from a2p_backend.wire.performance import Performance
from a2p_backend.wire.settings import GenerateSettings, PlateSettings
from kinematics.camera import frame_figure
from kinematics.errors import A2PError

from . import backend, jobs
from .scene import plate, sound
from .scene.performance import Placement, place_performance


def generating(clip: Path, settings: GenerateSettings, placement: Placement) -> jobs.Steps:
    """Have the backend perform `clip`, then place the performance in the scene that is current by then."""
    contents = _read(clip)
    sound.require_playable(clip)
    with backend.connect() as client:
        body = client.body(settings.actor)
        placement = replace(placement, face_names=backend.face_names(client, settings.actor))
        performance = yield from jobs.following(client.generate(contents, clip.name, settings))
    place_performance(bpy.context.scene, body, performance, clip, placement)
    return "A2P Generate"


@dataclass(frozen=True)
class PlateOrder:
    """A plate to be made: whose, with which clip's sound, into which file, and from which frame on."""

    performance: Performance
    clip: Path
    target: Path
    first_frame: int


def rendering_plate(order: PlateOrder, settings: PlateSettings) -> jobs.Steps:
    """Have the backend render a plate, save it, and show it in the scene that is current by then."""
    contents = _read(order.clip)
    with backend.connect() as client:
        request = client.render_plate(order.performance, settings, contents, order.clip.name)
        video = yield from jobs.following(request)
    try:
        order.target.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(order.target) as file:
            file.write(video)
    except OSError as error:
        raise A2PError(f"Cannot write the plate {order.target}: {error.strerror or error}.") from error
    camera = frame_figure("front", settings.width, settings.height)
    plate.place_plate(
        bpy.context.scene, order.target, camera, order.first_frame, order.performance.frame_count
    )
    return "A2P Plate"


def _read(clip: Path) -> bytes:
    try:
        return clip.read_bytes()
    except OSError as error:
        raise A2PError(f"Cannot read the clip {clip}: {error.strerror or error}.") from error
