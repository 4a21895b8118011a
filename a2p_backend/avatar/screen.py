"""Where things are on the screen, in PyTorch3D's terms and to its last bit.

Both rasterisers start from these numbers, so that they give the same answer at every pixel. x runs left and y
up from the picture's middle, +-1 is half its shorter side, all in float32.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from kinematics.camera import Camera


def screen_positions(vertices: torch.Tensor, camera: Camera) -> torch.Tensor:
    """World (V, 3) float32 to x, y and the depth along the optical axis, (V, 3) float32."""
    Rt = torch.as_tensor(camera.Rt, dtype=vertices.dtype, device=vertices.device)
    in_camera = vertices @ Rt[:, :3].T + Rt[:, 3]
    depth = in_camera[:, 2]
    x = camera.K[0, 0] * in_camera[:, 0] / depth + camera.K[0, 2]
    y = camera.K[1, 1] * in_camera[:, 1] / depth + camera.K[1, 2]
    half = min(camera.width, camera.height) / 2
    return torch.stack([(camera.width / 2 - x) / half, (camera.height / 2 - y) / half, depth], dim=1)


def pixel_centres(side: int, other_side: int) -> npt.NDArray[np.float32]:
    """(side,) positions of the pixels along one side of a picture, from its left or from its top."""
    span = np.float32(2.0)
    if side > other_side:
        span = span * np.float32(side) / np.float32(other_side)
    half = span / np.float32(2.0)
    from_far_end = np.arange(side - 1, -1, -1, dtype=np.float32)
    return -half + (span * from_far_end + half) / np.float32(side)
