"""The texture that a character's pictures show.

Every pixel says what colour the skin has at one place: the texture starts as the mean of what was seen,
weighted by how squarely, and is then fitted to all pictures by gradient descent. The geometry is known, so
that where a pixel looks is a look-up and the picture is linear in the texture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from a2p_backend.avatar.rasteriser import Rasteriser
from a2p_backend.training.avatar_views import AvatarTrainingError, OnStep, View
from kinematics.camera import Camera

_LEAST_ALPHA = 0.99
_BLEED = 4
"""Texels by which a chart's colours go on beyond its border, where look-ups between texels reach."""


@dataclass(frozen=True, eq=False)
class Skin:
    """A character's surface: vertices (V, 3), faces (F, 3) of them, uvs (F, 3, 2), moves (E, V, 3) of its
    codes.
    """

    vertices: np.ndarray
    faces: np.ndarray
    uvs: np.ndarray
    moves: np.ndarray

    def shaped(self, codes: np.ndarray) -> np.ndarray:
        """(V, 3) float32 with codes (E,)."""
        shaped: np.ndarray = (self.vertices + np.tensordot(codes, self.moves, axes=1)).astype(np.float32)
        return shaped


@dataclass(frozen=True, eq=False)
class Seen:
    """What one picture shows: uv (N, 2), colour (N, 3) sRGB 0 to 1, how squarely it was seen (N,); codes
    (E,).
    """

    uv: Tensor
    colour: Tensor
    weight: Tensor
    codes: Tensor


def look(
    views: Sequence[View], skin: Skin, rasteriser: Rasteriser, on_step: OnStep, fineness: int = 1
) -> list[Seen]:
    """What each picture shows of the skin. AvatarTrainingError where none shows any of it.

    fineness: places along each side of a pixel that are looked at: one for pictures of pixels' middles, more
    for pictures that are means over their pixels.
    """
    faces, uvs = torch.from_numpy(skin.faces.astype(np.int64)), torch.from_numpy(skin.uvs)
    found = []
    for index, view in enumerate(views):
        points = torch.from_numpy(skin.shaped(view.codes))
        camera = view.camera.enlarged(fineness)
        fragments = rasteriser.rasterise(points.to(rasteriser.device), faces.to(rasteriser.device), camera)
        face = _by_pixel(fragments.face_index.cpu()[..., None], fineness)[..., 0].long()
        picture = torch.from_numpy(view.pixels.reshape(-1, 4)).float() / 255.0
        keep = torch.nonzero((face >= 0).all(dim=1) & (picture[:, 3] > _LEAST_ALPHA))[:, 0]
        face, shares = face[keep], _by_pixel(fragments.barycentrics.cpu(), fineness)[keep]
        a, b, c = points[faces[face[:, 0]]].unbind(dim=1)
        normal = torch.nn.functional.normalize(torch.linalg.cross(b - a, c - a), dim=1)
        toward = torch.as_tensor(view.camera.centre, dtype=torch.float32) - a
        distance = torch.linalg.norm(toward, dim=1)
        facing = ((normal * toward).sum(dim=1) / distance).abs()
        uv = torch.einsum("nsk,nskc->nsc", shares, uvs[face])
        codes = torch.from_numpy(view.codes.astype(np.float32))
        found.append(Seen(uv, picture[keep, :3], facing**2 / distance**2, codes))
        on_step("looking", index + 1, len(views))
    most = max((float(seen.weight.max()) for seen in found if len(seen.weight)), default=0.0)
    if most == 0.0:
        raise AvatarTrainingError("The pictures do not show the character: is its mesh hidden in renders?")
    return [Seen(seen.uv, seen.colour, seen.weight / most, seen.codes) for seen in found]


def _by_pixel(values: Tensor, fineness: int) -> Tensor:
    """(pixels, fineness**2, C) of values (fineness H, fineness W, C)."""
    height, width, channels = values.shape
    parted = values.reshape(height // fineness, fineness, width // fineness, fineness, channels)
    return parted.permute(0, 2, 1, 3, 4).reshape(-1, fineness**2, channels)


def sample(texture: Tensor, uv: Tensor) -> Tensor:
    """(N, S, C) of a texture (C, H, W) at places (N, S, 2), u right and v down, 0 and 1 its edges."""
    grid = (2.0 * uv - 1.0)[None]
    samples = grid_sample(texture[None], grid, padding_mode="border", align_corners=False)
    return samples[0].permute(1, 2, 0)


def charts_of(corners: np.ndarray, uvs: np.ndarray, size: int, rasteriser: Rasteriser) -> Tensor:
    """(size, size) the number of the chart that each texel's middle lies in, -1 for none.

    corners: (F, 3) numbers of corners, which only faces of one chart share. uvs: (C, 2).
    """
    chart = np.arange(len(uvs))
    while True:
        before = chart.copy()
        np.minimum.at(chart, corners.ravel(), np.repeat(chart[corners].min(axis=1), 3))
        if np.array_equal(before, chart):
            break
    # The texture is a wall before a camera for which a texel is a pixel.
    wall = np.column_stack([uvs * size, np.ones(len(uvs))]).astype(np.float32)
    camera = Camera(np.eye(3), np.eye(3, 4), size, size)
    device = rasteriser.device
    faces = torch.from_numpy(corners.astype(np.int64)).to(device)
    face = rasteriser.rasterise(torch.from_numpy(wall).to(device), faces, camera).face_index.cpu().long()
    of_face = torch.from_numpy(chart[corners[:, 0]])
    return torch.where(face >= 0, of_face[face.clamp(min=0)], -1)


def fit_texture(
    seen: Sequence[Seen],
    charts: Tensor,
    steps: int,
    pixels: int,
    rate: float,
    seed: int,
    on_step: OnStep,
) -> tuple[Tensor, float]:
    """(3, size, size) sRGB 0 to 1, and the share of its texels that some picture showed.

    charts: (size, size), see `charts_of`.
    """
    size = len(charts)
    uv, colour = torch.cat([each.uv for each in seen]), torch.cat([each.colour for each in seen])
    weight = torch.cat([each.weight for each in seen])
    mean, known = _mean_texture(uv.mean(dim=1), colour, weight, size)
    texture = _spread(mean, known, charts).permute(2, 0, 1).clone().requires_grad_()
    optimiser = torch.optim.Adam([texture], lr=rate, betas=(0.9, 0.99))
    generator = torch.Generator().manual_seed(seed)
    weight = weight.sqrt()
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = rate * (1.0 - step / steps)
        some = torch.randint(len(uv), (min(pixels, len(uv)),), generator=generator)
        loss = (weight[some, None] * (sample(texture, uv[some]).mean(dim=1) - colour[some]).abs()).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        on_step("texture", step + 1, steps)
    fitted = _spread(texture.detach().permute(1, 2, 0), known, charts).permute(2, 0, 1).clamp(0.0, 1.0)
    return fitted, float(known.float().mean())


def _mean_texture(uv: Tensor, colour: Tensor, weight: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Each texel's mean colour (size, size, 3), and which texels were seen."""
    column, row = (uv * size).long().clamp(0, size - 1).unbind(dim=1)
    texel = row * size + column
    total = torch.zeros(size * size).index_add_(0, texel, weight)
    summed = torch.zeros((size * size, 3)).index_add_(0, texel, colour * weight[:, None])
    known = total > 0
    mean = summed / total.clamp(min=1e-12)[:, None]
    return mean.reshape(size, size, 3), known.reshape(size, size)


def _spread(texture: Tensor, known: Tensor, charts: Tensor) -> Tensor:
    """Colours for texels that no picture shows: from their own chart, or else from near it, or else from the
    smallest neighbourhood that knows any.
    """
    inside = charts >= 0
    while True:
        grown, more = _grown(texture, known & inside, charts, alike=True)
        if not (more & ~known).any():
            break
        texture, known = torch.where((more & ~known)[..., None], grown, texture), known | more
    for _ in range(_BLEED):
        grown, more = _grown(texture, known, charts, alike=False)
        more = more & ~known & ~inside
        texture, known = torch.where(more[..., None], grown, texture), known | more
    return from_around(texture, known)


def _grown(texture: Tensor, known: Tensor, charts: Tensor, *, alike: bool) -> tuple[Tensor, Tensor]:
    """The mean of each texel's known neighbours, where `alike` of the same chart only; whether it has one."""
    total, count = torch.zeros_like(texture), torch.zeros(known.shape)
    for axis in (0, 1):
        for shift in (1, -1):
            beside = known.roll(shift, axis)
            edge = 0 if shift == 1 else -1
            beside.select(axis, edge).fill_(False)
            if alike:
                beside = beside & (charts.roll(shift, axis) == charts)
            total += texture.roll(shift, axis) * beside[..., None]
            count += beside
    return total / count.clamp(min=1.0)[..., None], count > 0


def from_around(texture: Tensor, known: Tensor) -> Tensor:
    """A picture (S, S, C); what is not known of it (S, S) from the smallest neighbourhood that knows any."""
    levels = [(texture * known[..., None], known.float()[..., None])]
    while levels[-1][1].shape[0] > 1:
        colour, weight = levels[-1]
        half = colour.shape[0] // 2
        colour = colour[: 2 * half, : 2 * half].reshape(half, 2, half, 2, -1).sum((1, 3))
        weight = weight[: 2 * half, : 2 * half].reshape(half, 2, half, 2, 1).sum((1, 3))
        scale = weight.clamp(min=1.0)
        levels.append((colour / scale, weight / scale))
    filled = levels[-1][0] / levels[-1][1].clamp(min=1e-6)
    for colour, weight in reversed(levels[:-1]):
        size = colour.shape[0]
        coarse = filled.repeat_interleave(2, 0).repeat_interleave(2, 1)[:size, :size]
        filled = torch.where(weight > 0, colour / weight.clamp(min=1e-6), coarse)
    return filled
