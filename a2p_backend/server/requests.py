"""From a request message to the work that it asks for, and from the work's result to a reply."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from a2p_backend.server.service import Service
from a2p_backend.wire.edit import Edit
from a2p_backend.wire.performance import Performance
from a2p_backend.wire.progress import IsCancelled, IsFinished, OnProgress
from a2p_backend.wire.protocol import Kind, Message, ProtocolError
from a2p_backend.wire.settings import MAX_RECORDING_SECONDS, GenerateSettings, PlateSettings

MAX_NAME = 255


@dataclass(frozen=True)
class Reply:
    """The content of a RESULT message."""

    fields: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)


Work = Callable[[OnProgress, IsCancelled, IsFinished], Reply]


def work_for(service: Service, request: Message) -> Work:
    """The work that a request asks for, with its fields checked.

    Raises A2PError (ProtocolError, SettingsError, EditError, TakeError) where the request makes no sense.
    """
    if request.kind is Kind.ACTORS:
        return lambda *_: Reply({"actors": [asdict(actor) for actor in service.actors()]})
    if request.kind is Kind.BODY:
        actor = GenerateSettings(actor=request.fields.get("actor", "")).actor
        return lambda *_: Reply(arrays=service.body(actor).to_arrays())
    if request.kind is Kind.GENERATE:
        return _generate(service, request)
    if request.kind is Kind.RENDER_PLATE:
        return _render_plate(service, request)
    if request.kind is Kind.FACE_MOTION:
        return _face_motion(service, request)
    if request.kind is Kind.RECORD:
        return _record(service, request)
    raise ProtocolError(f"A backend cannot be asked for {request.kind.value!r}.")


def _generate(service: Service, request: Message) -> Work:
    clip = _clip(request)
    if clip is None:
        raise ProtocolError("A request to generate came without a recording.")
    clip_name = _clip_name(request)
    settings = GenerateSettings.from_dict(request.fields.get("settings", {}))
    edit = Edit.from_parts(request.fields.get("edit", {}), request.arrays)

    def work(on_progress: OnProgress, cancelled: IsCancelled, _finished: IsFinished) -> Reply:
        performance = service.generate(clip.tobytes(), clip_name, settings, edit, on_progress, cancelled)
        return Reply(performance.header(), performance.arrays())

    return work


def _render_plate(service: Service, request: Message) -> Work:
    performance = _performance(request)
    clip = _clip(request)
    clip_name = _clip_name(request)
    settings = PlateSettings.from_dict(request.fields.get("settings", {}))

    def work(on_progress: OnProgress, cancelled: IsCancelled, _finished: IsFinished) -> Reply:
        recording = None if clip is None else clip.tobytes()
        video = service.render_plate(performance, recording, clip_name, settings, on_progress, cancelled)
        return Reply(arrays={"video": np.frombuffer(video, np.uint8)})

    return work


def _face_motion(service: Service, request: Message) -> Work:
    performance = _performance(request)

    def work(on_progress: OnProgress, cancelled: IsCancelled, _finished: IsFinished) -> Reply:
        motion = service.face_motion(performance, on_progress, cancelled)
        return Reply(arrays={"gram": motion.gram, "products": motion.products})

    return work


def _performance(request: Message) -> Performance:
    header = request.fields.get("performance")
    if not isinstance(header, dict):
        raise ProtocolError("A request about a performance came without it.")
    return Performance.from_parts(header, request.arrays)


def _record(service: Service, request: Message) -> Work:
    seconds = request.fields.get("seconds")
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if not is_number or not 0 < seconds <= MAX_RECORDING_SECONDS:
        raise ProtocolError(f"A recording may last up to {MAX_RECORDING_SECONDS} seconds.")
    path = Path(str(request.fields.get("path", "")))
    if not path.is_absolute() or path.suffix.lower() != ".wav":
        raise ProtocolError(f"{path} is no place for a recording: name a .wav file by its whole path.")

    def work(on_progress: OnProgress, cancelled: IsCancelled, finished: IsFinished) -> Reply:
        return Reply({"seconds": service.record(path, float(seconds), on_progress, cancelled, finished)})

    return work


def _clip(request: Message) -> NDArray[np.uint8] | None:
    clip = request.arrays.get("clip")
    if clip is not None and (clip.dtype != np.uint8 or clip.ndim != 1):
        raise ProtocolError("A recording did not come as its file's bytes.")
    return clip


def _clip_name(request: Message) -> str:
    """The recording's plain file name, fit for a sentence: it is shown, never opened."""
    name = str(request.fields.get("clip_name", "")).replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(letter if letter.isprintable() else "?" for letter in name[:MAX_NAME]) or "recording"
