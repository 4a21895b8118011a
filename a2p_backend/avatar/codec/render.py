"""A performance to pictures: one avatar, some cameras, frame after frame, in constant memory."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from a2p_backend.avatar.codec.config import AvatarError
from a2p_backend.avatar.codec.cut_out import cut_out
from a2p_backend.avatar.codec.display import linear_to_display, to_bytes
from a2p_backend.avatar.codec.fused import FusedAvatar
from a2p_backend.avatar.codec.memory import free_memory, freed_memory_kept
from a2p_backend.avatar.codec.sparse import RowSums, bilinear
from a2p_backend.avatar.rasteriser import Fragments, Rasteriser
from kinematics.camera import Camera

Picture = npt.NDArray[np.uint8]

_FACE_BYTES = 20 << 20
"""What a face code takes on its way through the face's networks."""
_MOST_FACES = 64
_SHARE = 8
"""Faces get this part of the free memory: most is for textures, and for other programs."""


@dataclass(frozen=True)
class Quality:
    """How much work a frame is given.

    view_network: whether textures depend on the direction that they are seen from.
    scale: of the picture's width and height. every: frames from one that is drawn to the next.
    """

    view_network: bool = True
    scale: float = 1.0
    every: int = 1


PRESETS = {"full": Quality(), "preview": Quality(view_network=False, scale=0.5, every=2)}


@dataclass(frozen=True)
class Dressed:
    """One frame's mesh, and its texture for each camera."""

    vertices: Tensor
    """(V, 3) camera units."""
    textures: Sequence[Tensor]
    """(4 S S, 3) linear, in blocks of 2 x 2 texels."""


class AvatarRenderer:
    """Draws one avatar for some cameras. What is constant for actor, cameras and light is computed here.

    cameras: in the avatar's own world: camera units, OpenCV axes.
    ao: (1, H, W) ambient occlusion, or (N, 1, H, W), each camera's own; for avatars whose light does not
        follow from the pose.
    alpha: whether pictures tell in a fourth channel how much of each pixel shows the avatar, as straight
        alpha: colours are the avatar's own, also where it covers a pixel in part.
    """

    def __init__(
        self,
        avatar: FusedAvatar,
        cameras: Sequence[Camera],
        rasteriser: Rasteriser,
        ao: npt.ArrayLike | None = None,
        quality: Quality = PRESETS["full"],
        *,
        alpha: bool = False,
    ) -> None:
        if not cameras:
            raise AvatarError("The avatar is to be drawn for no camera at all.")
        sizes = {(camera.width, camera.height) for camera in cameras}
        if len({height for _, height in sizes}) > 1:
            raise AvatarError(
                "Pictures side by side have to be of one height; these cameras' heights differ."
            )
        self._avatar, self._rasteriser, self._quality = avatar, rasteriser, quality
        self._alpha = alpha
        self.cameras = tuple(_scaled(camera, quality.scale) for camera in cameras)
        device = avatar.device
        self._centres = torch.tensor(np.array([camera.centre for camera in cameras]), dtype=torch.float32).to(
            device
        )
        geometry = avatar.avatar.geo_fn
        self._faces = geometry.vi.to(rasteriser.device)
        self._corners = geometry.vti.to(torch.int32)
        self._uvs = geometry.vt
        self._lights: list[Tensor] | None = None
        if not avatar.avatar.config.pose_to_shadow:
            self._lights = self._lights_from(ao)

    def frames(self, pose: npt.ArrayLike, face: npt.ArrayLike) -> Iterator[Picture]:
        """Pictures (H, sum of widths, 3) of poses (T, 104) and face codes (T, 256), first camera left.

        AvatarError where these are of other sizes or not finite.
        """
        config = self._avatar.avatar.config
        poses = checked("pose", pose, config.pose)[:: self._quality.every]
        faces = checked("face", face, config.face_code)[:: self._quality.every]
        if len(poses) != len(faces):
            raise AvatarError(f"{len(poses)} poses cannot be drawn with {len(faces)} face codes.")
        with freed_memory_kept():
            at_once = faces_at_once(self._avatar.device)
            for start in range(0, len(poses), at_once):
                batch = slice(start, start + at_once)
                for dressed in self.dress(poses[batch], faces[batch]):
                    yield self.shade(dressed, self.rasterise(dressed))

    def dress(self, poses: npt.NDArray[np.float32], faces: npt.NDArray[np.float32]) -> Iterator[Dressed]:
        """The mesh and its textures for each of poses (T, 104) with face codes (T, 256).

        The faces of all go through their networks at once.
        """
        avatar = self._avatar
        with torch.inference_mode():
            joints = avatar.avatar.lbs_fn.joints(poses)
            face_maps = avatar.face_maps(torch.tensor(faces, device=avatar.device))
            rows = torch.tensor(poses, device=avatar.device)
        for frame in range(len(poses)):
            at = slice(frame, frame + 1)
            # Not around the yield: what the caller does meanwhile is no inference of ours.
            with torch.inference_mode():
                posed = avatar.pose(rows[at], joints[at], face_maps[at])
                lights = self._lights or [avatar.light(rows[at])] * len(self.cameras)
                textures = avatar.textures(
                    posed, self._centres, lights, view_network=self._quality.view_network
                )
            yield Dressed(posed.vertices, textures)

    def rasterise(self, dressed: Dressed) -> list[Fragments]:
        """What each camera sees at each pixel."""
        vertices = dressed.vertices.to(self._rasteriser.device)
        return [self._rasteriser.rasterise(vertices, self._faces, camera) for camera in self.cameras]

    @torch.inference_mode()
    def shade(self, dressed: Dressed, fragments: Sequence[Fragments]) -> Picture:
        """(H, sum of widths, 3 or 4), first camera left."""
        views = [self._shade(*view) for view in zip(fragments, dressed.textures, strict=True)]
        if self._alpha:
            vertices = dressed.vertices.to(self._rasteriser.device)
            for index, (camera, seen) in enumerate(zip(self.cameras, fragments, strict=True)):
                covered = self._rasteriser.coverage(vertices, self._faces, camera)
                views[index] = cut_out(views[index], seen.face_index >= 0, covered)
        return torch.cat(views, dim=1).cpu().numpy()

    @torch.inference_mode()
    def _lights_from(self, ao: npt.ArrayLike | None) -> list[Tensor]:
        """One for each camera."""
        if ao is None:
            return [self._avatar.light()]  # which says what is missing
        maps = torch.tensor(np.asarray(ao, np.float32)).to(self._avatar.device)
        if (
            maps.ndim not in (3, 4)
            or maps.shape[-3] != 1
            or (maps.ndim == 4 and len(maps) != len(self.cameras))
        ):
            raise AvatarError(
                f"The ambient occlusion is of shape {tuple(maps.shape)}, where one map (1, H, W) or"
                f" {len(self.cameras)} of them are expected."
            )
        if maps.ndim == 3:
            return [self._avatar.light(ao=maps[None])] * len(self.cameras)
        return [self._avatar.light(ao=view[None]) for view in maps]

    def _shade(self, fragments: Fragments, texture: Tensor) -> Tensor:
        """(H, W, 3) uint8; only pixels that show something are looked up."""
        face_index = fragments.face_index.to(texture.device)
        height, width = face_index.shape
        picture = torch.zeros(height * width, 3, dtype=torch.uint8, device=texture.device)
        seen = (face_index.reshape(-1) >= 0).nonzero()[:, 0]
        if len(seen):
            corners = self._corners[face_index.reshape(-1)[seen].to(torch.int64)]
            shares = fragments.barycentrics.to(texture.device).reshape(-1, 3)[seen]
            uvs = RowSums(corners, shares)(self._uvs)
            size = math.isqrt(len(texture))
            linear = bilinear(uvs * (size - 1), size, blocked=True)(texture)
            shown = to_bytes(linear_to_display(linear.T[..., None]))[..., 0].T
            picture[seen] = shown
        return picture.view(height, width, 3)


def faces_at_once(device: torch.device) -> int:
    """How many frames' faces go through their networks together; the rest goes frame by frame.

    The rest's maps are large enough to occupy a device one at a time.
    """
    return min(max(free_memory(device) // (_SHARE * _FACE_BYTES), 1), _MOST_FACES)


def _scaled(camera: Camera, scale: float) -> Camera:
    """The same view in a picture of another size, both sides even, as video wants them."""
    if scale == 1.0:
        return camera
    width, height = (max(2, 2 * round(side * scale / 2)) for side in (camera.width, camera.height))
    factors = np.array([[width / camera.width], [height / camera.height], [1.0]])
    return Camera(camera.K * factors, camera.Rt, width, height)


def checked(what: str, values: npt.ArrayLike, width: int) -> npt.NDArray[np.float32]:
    array = np.asarray(values, dtype=np.float32)
    if array.ndim != 2 or array.shape[1] != width:
        raise AvatarError(
            f"The avatar takes {width} {what} numbers a frame, not an array of shape {array.shape}."
        )
    bad = np.flatnonzero(~np.isfinite(array).all(axis=1))
    if len(bad):
        raise AvatarError(f"The {what} of frame {bad[0]} is not finite and cannot be drawn.")
    return array
