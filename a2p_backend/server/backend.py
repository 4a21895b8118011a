"""The real service: actors from disk, motion from the performer, plates from the avatar."""

from __future__ import annotations

import logging
import tempfile
import threading
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import torch

import a2p_backend
from a2p_backend.actors.actor import Actor, default_device, load_actor
from a2p_backend.actors.manifest import MANIFEST_NAME, ActorError, ActorManifest
from a2p_backend.actors.registry import actor_folders, find_actor
from a2p_backend.audio.clip import load_clip
from a2p_backend.audio.microphone import Microphone, SystemMicrophone, record
from a2p_backend.pieces import perform_recording
from a2p_backend.wire.client import ActorInfo, BackendInfo
from a2p_backend.wire.edit import Edit
from a2p_backend.wire.performance import Performance
from a2p_backend.wire.progress import IsCancelled, IsFinished, OnProgress, Progress, raise_if
from a2p_backend.wire.settings import GenerateSettings, PlateSettings
from kinematics.body import Body
from kinematics.errors import A2PError
from kinematics.face.motion import FaceMotion

if TYPE_CHECKING:
    from a2p_backend.avatar.portrait import Avatar

ACTORS_IN_MEMORY = 2

log = logging.getLogger(__name__)


class Backend:
    """A `Service`; the actors that were used last stay in memory."""

    def __init__(self, device: str | None = None, microphone: Microphone | None = None) -> None:
        """device: a torch device such as "cpu"; None: CUDA where there is one. A2PError if unusable.

        microphone: what `record` hears; None: the system's.
        """
        self._microphone = microphone or SystemMicrophone()
        self._device = _device(device)
        self._loading = threading.Lock()
        self._avatar: tuple[Path, int, Avatar] | None = None
        """The one drawn last: an actor's folder, when it was installed, and who draws it."""
        self._load = lru_cache(ACTORS_IN_MEMORY)(self._load_actor)

    def hello(self) -> BackendInfo:
        device = str(self._device)
        if self._device.type == "cuda":
            device += f" {torch.cuda.get_device_name(self._device)}"
        return BackendInfo(a2p_backend.__version__, device)

    def actors(self) -> tuple[ActorInfo, ...]:
        return installed_actors()

    def body(self, actor: str) -> Body:
        return self._actor(actor).body

    def generate(
        self,
        clip: bytes | Path,
        clip_name: str,
        settings: GenerateSettings,
        edit: Edit,
        on_progress: OnProgress,
        cancelled: IsCancelled,
    ) -> Performance:
        on_progress(Progress("reading", 0, 2))
        recording = load_clip(clip, clip_name, settings.speaker)
        on_progress(Progress("reading", 1, 2))
        raise_if(cancelled)
        actor = self._actor(settings.actor)
        on_progress(Progress("reading", 2, 2))
        return perform_recording(recording, actor, settings, edit, on_progress, cancelled)

    def render_plate(
        self,
        performance: Performance,
        clip: bytes | None,
        clip_name: str,
        settings: PlateSettings,
        on_progress: OnProgress,
        cancelled: IsCancelled,
    ) -> bytes:
        with tempfile.TemporaryDirectory(prefix="a2p-") as folder:
            path = Path(folder) / ("plate.mov" if settings.alpha else "plate.mp4")
            self.write_plate(performance, clip, clip_name, path, settings, on_progress, cancelled)
            return path.read_bytes()

    def face_motion(
        self, performance: Performance, on_progress: OnProgress, cancelled: IsCancelled
    ) -> FaceMotion:
        from a2p_backend.actors.head import load_head

        head = load_head(find_actor(performance.actor), self._device)

        def on_frame(done: int) -> None:
            raise_if(cancelled)
            on_progress(Progress("face", done, performance.frame_count))

        return head.motion(performance, on_frame)

    def record(
        self,
        path: Path,
        seconds: float,
        on_progress: OnProgress,
        cancelled: IsCancelled,
        finished: IsFinished,
    ) -> float:
        return record(self._microphone, path, on_progress, cancelled, finished, seconds)

    def write_plate(
        self,
        performance: Performance,
        clip: bytes | Path | None,
        clip_name: str,
        path: Path,
        settings: PlateSettings,
        on_progress: OnProgress,
        cancelled: IsCancelled,
    ) -> None:
        """Write the plate straight to `path`, in constant memory; see `avatar.parts.render_in_parts`."""
        from a2p_backend.avatar.parts import render_in_parts  # loads OpenGL; motion alone does without

        sound = None if clip is None else load_clip(clip, clip_name).sound
        avatar = self.avatar(performance.actor)
        render_in_parts(performance, avatar, path, settings, sound, on_progress, cancelled)

    def avatar(self, actor: str) -> Avatar:
        """Who draws an actor. Raises A2PError where it is not installed, or has nothing to be seen."""
        from a2p_backend.actors.portrait import load_avatar

        folder = find_actor(actor)
        changed = (folder / MANIFEST_NAME).stat().st_mtime_ns
        if self._avatar is None or self._avatar[:2] != (folder, changed):
            self._avatar = None  # the old one's memory first
            self._avatar = folder, changed, load_avatar(folder, self._device)
        return self._avatar[2]

    def _actor(self, name: str) -> Actor:
        folder = find_actor(name)
        with self._loading:  # the two lanes may want the same actor at once
            return self._load(folder, (folder / MANIFEST_NAME).stat().st_mtime_ns)

    def _load_actor(self, folder: Path, changed: int) -> Actor:
        """changed: when the actor was installed, so that a newer one of the same name is loaded anew."""
        return load_actor(folder, self._device)


def installed_actors() -> tuple[ActorInfo, ...]:
    """What is known of the installed actors, by name. One that is damaged is left out; the log says why."""
    found = []
    for name, folder in sorted(actor_folders().items()):
        try:
            found.append(_info(name, ActorManifest.read(folder)))
        except ActorError as error:
            log.warning("an actor is left out: %s", error)
    return tuple(found)


def _info(name: str, manifest: ActorManifest) -> ActorInfo:
    return ActorInfo(
        name=name,
        title=manifest.title,
        licence=manifest.licence,
        face_codes=manifest.face_codes,
        performs_body=manifest.networks.keys() >= {"guide", "codec", "body"},
        performs_face="face" in manifest.networks,
    )


def _device(name: str | None) -> torch.device:
    if name is None:
        return default_device()
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise A2PError(f"The device {name!r} cannot be used here: see `a2p doctor`.") from error
    return device
