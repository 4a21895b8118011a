"""How long a frame of a codec avatar takes here: the plain model beside the renderer that users get."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch

from a2p_backend.avatar.codec.display import linear_to_display, to_bytes
from a2p_backend.avatar.codec.fused import FusedAvatar
from a2p_backend.avatar.codec.memory import freed_memory_kept
from a2p_backend.avatar.codec.model import CodecAvatar
from a2p_backend.avatar.codec.render import PRESETS, AvatarRenderer, Picture
from a2p_backend.avatar.rasteriser import Rasteriser
from a2p_backend.avatar.video import in_background, open_video
from kinematics.camera import Camera

Result = TypeVar("Result")

_FPS = 30


@dataclass(frozen=True)
class AvatarBench:
    """Seconds are for one frame of all views, the median of `frames`."""

    device: str
    threads: int
    rasteriser: str
    views: int
    width: int
    height: int
    frames: int
    plain_seconds: float
    """The plain model without rasterising: once for each view, as the released renderer works."""
    seconds: float
    """The renderer's networks and textures."""
    rasterise_seconds: float
    shade_seconds: float
    """Looking up the texture, and display values."""
    speed_up: float
    """plain_seconds / seconds"""
    largest_difference: int
    """Between the two, of 255."""
    share_within_2: float
    """Of the pixels' values that differ by 2 of 255 or less."""
    film_seconds: float
    """A frame of a film as users get it: all of this, encoded while the next frame is drawn."""
    preview_seconds: float
    """The same of a preview: for each frame of the take, of which it shows every second one."""


def bench_avatar(
    avatar: CodecAvatar,
    cameras: Sequence[Camera],
    rasteriser: Rasteriser,
    pose: npt.ArrayLike,
    face: npt.ArrayLike,
    ao: npt.ArrayLike | None = None,
) -> AvatarBench:
    """Draws poses (T, 104) with face codes (T, 256) both ways; the first frame warms up, so T is at least 2.

    ao: (1, H, W), for avatars whose light does not follow from the pose. The avatar's weights are fused.
    """
    poses, faces = np.asarray(pose, np.float32), np.asarray(face, np.float32)
    if len(poses) < 2:
        raise ValueError("the first frame only warms up: at least two are needed")
    plain, plain_seconds = _draw_plainly(avatar, cameras, rasteriser, poses, faces, ao)
    fused = FusedAvatar(avatar)
    renderer = AvatarRenderer(fused, cameras, rasteriser, ao)
    times: list[tuple[float, float, float]] = []
    with freed_memory_kept():
        for frame in range(len(poses)):
            at = slice(frame, frame + 1)
            dressed, dressing = _timed(
                avatar.device, lambda at=at: next(renderer.dress(poses[at], faces[at]))
            )
            fragments, rasterising = _timed(avatar.device, lambda it=dressed: renderer.rasterise(it))
            picture, shading = _timed(
                avatar.device, lambda it=dressed, seen=fragments: renderer.shade(it, seen)
            )
            times.append((dressing, rasterising, shading))
    seconds, rasterise_seconds, shade_seconds = np.median(times[1:], axis=0)
    film_seconds = _film_seconds(renderer, poses, faces)
    preview = AvatarRenderer(fused, cameras, rasteriser, ao, PRESETS["preview"])
    difference = np.abs(picture.astype(np.int16) - plain.astype(np.int16))
    return AvatarBench(
        device=str(avatar.device),
        threads=torch.get_num_threads(),
        rasteriser=type(rasteriser).__name__,
        views=len(cameras),
        width=cameras[0].width,
        height=cameras[0].height,
        frames=len(poses) - 1,
        plain_seconds=plain_seconds,
        seconds=float(seconds),
        rasterise_seconds=float(rasterise_seconds),
        shade_seconds=float(shade_seconds),
        speed_up=plain_seconds / float(seconds),
        largest_difference=int(difference.max()),
        share_within_2=float((difference <= 2).mean()),
        film_seconds=film_seconds,
        preview_seconds=_film_seconds(preview, poses, faces),
    )


def _film_seconds(
    renderer: AvatarRenderer, poses: npt.NDArray[np.float32], faces: npt.NDArray[np.float32]
) -> float:
    """Of each of the poses."""
    with TemporaryDirectory(prefix="a2p-") as folder:
        start = time.perf_counter()
        pictures = renderer.frames(poses, faces)
        first = next(pictures)
        height, width, _ = first.shape
        with (
            open_video(Path(folder) / "film.mp4", (width, height), _FPS) as film,
            in_background(film.write) as write,
        ):
            for picture in itertools.chain([first], pictures):
                write(picture)
        return (time.perf_counter() - start) / len(poses)


@torch.no_grad()
def _draw_plainly(
    avatar: CodecAvatar,
    cameras: Sequence[Camera],
    rasteriser: Rasteriser,
    poses: npt.NDArray[np.float32],
    faces: npt.NDArray[np.float32],
    ao: npt.ArrayLike | None,
) -> tuple[Picture, float]:
    """The last frame's picture, and the median of the seconds that textures took."""
    views, device = len(cameras), avatar.device
    centres = torch.tensor(np.array([camera.centre for camera in cameras]), dtype=torch.float32).to(device)
    light = None
    if ao is not None:
        light = torch.tensor(np.asarray(ao, np.float32)).to(device).expand(views, -1, -1, -1)
    times = []
    for pose, face in zip(poses, faces, strict=True):
        inputs = (torch.tensor(values).to(device).expand(views, -1) for values in (pose, face))
        seen, seconds = _timed(device, lambda inputs=inputs: avatar(*inputs, centres, light))
        times.append(seconds)
    pictures = []
    for vertices, texture, camera in zip(seen.vertices, seen.texture, cameras, strict=True):
        fragments = avatar.rasterise(vertices, camera, rasteriser)
        linear = avatar.picture(fragments, texture)
        pictures.append(to_bytes(linear_to_display(linear)).permute(1, 2, 0))
    return torch.cat(pictures, dim=1).cpu().numpy(), float(np.median(times[1:]))


def _timed(device: torch.device, work: Callable[[], Result]) -> tuple[Result, float]:
    start = time.perf_counter()
    result = work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return result, time.perf_counter() - start
