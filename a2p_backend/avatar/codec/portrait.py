"""The codec avatar as a plate's subject: see `a2p_backend.avatar.portrait.Avatar`."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch

from a2p_backend.avatar.codec.config import AvatarError
from a2p_backend.avatar.codec.fused import FusedAvatar
from a2p_backend.avatar.codec.render import PRESETS, AvatarRenderer, Picture
from a2p_backend.avatar.codec.storage import StoredAvatar
from a2p_backend.avatar.digest import digest_of
from a2p_backend.avatar.rasteriser import Rasteriser
from a2p_backend.avatar.views import camera_of, fitted, in_capture_world, stage_cameras, stage_of
from a2p_backend.wire.performance import Performance
from a2p_backend.wire.settings import PlateSettings, ViewCamera
from kinematics.armature import to_armature_space
from kinematics.body import Body
from kinematics.camera import Camera


class CodecPortrait:
    """A released avatar. Poses stay where they were recorded, as its networks know them; cameras move."""

    def __init__(self, stored: StoredAvatar, device: torch.device) -> None:
        """The avatar's weights are fused and moved to the device."""
        self._fused = FusedAvatar(stored.model.to(device))
        self._views = stored.views

    @cached_property
    def digest(self) -> str:
        weights = self._fused.avatar.state_dict().items()
        cameras = self._views.cameras
        return digest_of(
            [
                *((name, tensor.cpu().numpy()) for name, tensor in weights),
                *((f"camera {number}", camera.K @ camera.Rt) for number, camera in enumerate(cameras)),
            ]
        )

    @property
    def _body(self) -> Body:
        return self._fused.avatar.lbs_fn.body

    def step(self, settings: PlateSettings) -> int:
        return PRESETS[settings.quality].every

    def pictures(
        self, performance: Performance, settings: PlateSettings, rasteriser: Rasteriser
    ) -> Generator[Picture]:
        frames = settings.frames_of(performance.frame_count)
        rows = slice(frames.start, frames.stop)
        cameras = self.cameras(performance.pose, settings)
        ao = self._views.ao
        if ao is not None and settings.view != "both":
            ao = ao[0]  # occlusion is the person's: what differs from view to view is how it was captured
        renderer = AvatarRenderer(
            self._fused, cameras, rasteriser, ao, PRESETS[settings.quality], alpha=settings.alpha
        )
        yield from renderer.frames(performance.pose[rows], performance.face[rows])

    def vertices(self, performance: Performance, frames: range) -> Iterator[npt.NDArray[np.float32]]:
        rotation, translation = stage_of(self._body, performance.pose)
        rows = slice(frames.start, frames.stop)
        for vertices in self._fused.meshes(performance.pose[rows], performance.face[rows]):
            in_cm = vertices.cpu().numpy() / self._units_a_centimetre()
            yield to_armature_space(in_cm @ rotation.T + translation).astype(np.float32)

    def cameras(self, pose: npt.NDArray[np.float32], settings: PlateSettings) -> tuple[Camera, ...]:
        """The view's cameras in the avatar's own world, for a take (T, 104)."""
        size, view = (settings.width, settings.height), settings.view
        if view == "both" and self._views.cameras:
            return tuple(fitted(camera, *size) for camera in self._views.cameras)
        if isinstance(view, ViewCamera) and view.world == "capture":
            return (fitted(camera_of(view), *size),)
        stage, units = stage_of(self._body, pose), self._units_a_centimetre()
        return tuple(in_capture_world(camera, stage, units) for camera in stage_cameras(settings))

    def _units_a_centimetre(self) -> float:
        scaling = self._fused.avatar.lbs_fn.global_scaling.cpu().numpy()
        if not np.allclose(scaling, scaling[0], rtol=1e-6):
            raise AvatarError(
                f"The avatar {self._body.name} is stretched, so that no camera of the scene sees it as its"
                ' rig: use the cameras that it came with (view "both").'
            )
        return float(scaling[0])
