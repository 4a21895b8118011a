"""Plates: ask for one, and show it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import bpy

from a2p_backend.wire.client import Client, read_clip
from a2p_backend.wire.performance import Performance
from a2p_backend.wire.settings import PlateSettings
from kinematics.camera import frame_figure
from kinematics.errors import A2PError
from kinematics.files import atomic_write

from .. import backend, jobs, preferences
from ..conversation import Line, talking
from ..scene import plate


@dataclass(frozen=True, eq=False)
class PlateOrder:
    """A plate to be made: whose, with which clip's sound, into which file, and from which frame on."""

    performance: Performance
    clip: Path
    target: Path
    first_frame: int


def rendering_plate(order: PlateOrder, settings: PlateSettings) -> jobs.Steps:
    """Have the backend render a plate, save it, and show it in the scene that is current by then."""

    def talk(line: Line, client: Client) -> None:
        contents = read_clip(order.clip)
        line.check()
        request = client.render_plate(order.performance, settings, contents, order.clip.name)
        _write(order.target, line.follow(request))

    yield from backend.reaching()
    yield from talking(preferences.endpoint_path(), talk)
    yield from jobs.until_undoable()
    camera = frame_figure("front", settings.width, settings.height)
    plate.place_plate(
        bpy.context.scene, order.target, camera, order.first_frame, order.performance.frame_count
    )
    return "A2P Plate"


def _write(target: Path, video: bytes) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(target) as file:
            file.write(video)
    except OSError as error:
        raise A2PError(f"Cannot write the plate {target}: {error.strerror or error}.") from error
