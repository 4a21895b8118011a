"""The room around a figure: a pale floor that runs up into a backdrop, a faint grid, a soft shadow."""

from __future__ import annotations

import functools

import numpy as np
import torch
from torch.nn.functional import conv2d, grid_sample

from a2p_backend.avatar.rasteriser import Rasteriser
from a2p_backend.avatar.shading import (
    lamp_directions,
)
from a2p_backend.avatar.surface import Surface, linear_from_srgb, srgb_from_linear
from kinematics.camera import Camera

_FLOOR, _LINES = (0.70, 0.705, 0.71), (0.635, 0.642, 0.655)
_BACKDROP_LOW, _BACKDROP_HIGH = (0.60, 0.615, 0.635), (0.36, 0.385, 0.42)
_LINE_SPACING, _LINE_WIDTH = 0.5, 0.006
"""Metres."""
_FLOOR_ENDS = (1.6, 4.5)
"""Metres from the figure over which the floor turns into the backdrop."""

_GRID_REACH = 2.2
"""Metres over which the grid fades."""
_FAR = 1e4
"""Metres to the floor along rays that do not meet it: there it has become the backdrop."""
_LEAST_HEIGHT = 0.01
"""Metres; a camera below the floor sees the floor as if from here."""
_SHADOW_REACH, _SHADOW_CELLS = 1.6, 128
"""The shadow is drawn on a square of floor, this far (metres) to each side of the origin."""
_CONTACT_HEIGHT = 0.16
"""Metres; what is lower than this darkens the floor below it."""
_LEAN = 0.42
"""The shadow leans less than the key lamp would throw it, as though a large one hung above too."""
_GRAIN = 0.02
"""Relative to the light; without it, eight bits show the backdrop's gradient in steps."""
_DISPLAY_LEVELS = 4096
_STRIP = 16
"""Rows of the empty studio that are made at a time."""
_WINDOW_MARGIN, _WINDOW_STEP = 2, 32
"""Pixels."""


class Studio:
    """Takes pictures of one surface with one camera."""

    def __init__(self, rasteriser: Rasteriser, surface: Surface, camera: Camera) -> None:
        self._rasteriser = rasteriser
        self._surface = surface
        self._camera = camera
        self._window_size = np.zeros(2, np.int64)
        device = rasteriser.device
        K, Rt = (np.asarray(matrix, np.float64).tobytes() for matrix in (camera.K, camera.Rt))
        self._background = _empty_studio(K, Rt, camera.width, camera.height).to(device)
        self._empty = _display(self._background)
        # Only the part of the picture that looks at the lit square of floor can be in shadow.
        floor = _floor_seen(camera)
        inside = np.abs(floor).max(axis=-1) < _SHADOW_REACH
        self._shadow = (_extent(inside.any(axis=1)), _extent(inside.any(axis=0)))
        cells = torch.as_tensor(floor[self._shadow] / _SHADOW_REACH, dtype=torch.float32, device=device)
        self._shadow_cells = cells[None]
        self._key = torch.as_tensor(lamp_directions(camera)[0], dtype=torch.float32, device=device)
        self._areas: torch.Tensor | None = None

    def picture(self, vertices: torch.Tensor, light: torch.Tensor | None = None) -> torch.Tensor:
        """The surface with vertices (V, 3), in the studio: (H, W, 3) uint8, sRGB; see `Surface.light`."""
        rows, columns = window = self._window(vertices)
        camera = self._camera.cropped(
            columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start
        )
        painted = self._rasteriser.paint(self._surface.lit(light), vertices, camera)
        scene = self._background.clone()
        scene[self._shadow] *= self._lit_floor(vertices)[..., None]
        picture = self._empty.clone()
        picture[self._shadow] = _display(scene[self._shadow])
        picture[window] = _display(scene[window] * (1.0 - painted[..., 3:]) + painted[..., :3])
        return picture

    def cut_out(self, vertices: torch.Tensor, light: torch.Tensor | None = None) -> torch.Tensor:
        """The surface alone: (H, W, 4) uint8, sRGB and straight alpha."""
        painted = self._rasteriser.paint(self._surface.lit(light), vertices, self._camera)
        coverage = painted[..., 3:]
        colour = _display(painted[..., :3] / coverage.clamp(min=1e-6)) * (coverage > 0)
        return torch.cat([colour, (255.0 * coverage + 0.5).to(torch.uint8)], dim=-1)

    def _window(self, vertices: torch.Tensor) -> tuple[slice, slice]:
        """Rows and columns of a part of the picture that holds all vertices.

        It moves with them but only ever grows, for the rasteriser makes its pictures anew for another size.
        """
        size = np.array([self._camera.width, self._camera.height])
        image = self._camera.project(vertices.cpu().numpy())[:, :2]
        low = np.floor(image.min(axis=0)).astype(np.int64) - _WINDOW_MARGIN
        high = np.ceil(image.max(axis=0)).astype(np.int64) + _WINDOW_MARGIN
        needed = -(-(high - low) // _WINDOW_STEP) * _WINDOW_STEP
        self._window_size = np.clip(needed, self._window_size, size)
        left, top = np.clip((low + high - self._window_size) // 2, 0, size - self._window_size)
        width, height = self._window_size
        return slice(int(top), int(top + height)), slice(int(left), int(left + width))

    def _lit_floor(self, vertices: torch.Tensor) -> torch.Tensor:
        """Share of light on the part of the floor that can be in shadow (rows, columns).

        A large lamp's soft shadow, and dark contact under what is low.
        """
        if self._areas is None:
            self._areas = _vertex_areas(vertices, self._surface.faces)
        height = vertices[:, 2].clamp(min=0.0)
        leaning = vertices[:, :2] - _LEAN * self._key[:2] / self._key[2] * height[:, None]
        low = (1.0 - height / _CONTACT_HEIGHT).clamp(min=0.0)
        cast = _spread(leaning, self._areas, blur=5)
        contact = _spread(vertices[:, :2], self._areas * low, blur=2)
        lit = torch.exp(-0.16 * cast - 0.75 * contact)[None, None]
        return grid_sample(lit, self._shadow_cells, padding_mode="border", align_corners=False)[0, 0]


def _display(light: torch.Tensor) -> torch.Tensor:
    """Linear light (H, W, 3) to display values, uint8."""
    table = _display_table(light.device)
    levels = (light * (_DISPLAY_LEVELS - 1)).clamp_(0.0, _DISPLAY_LEVELS - 1).to(torch.int32)
    return table.index_select(0, levels.ravel()).reshape(levels.shape)


@functools.cache
def _display_table(device: torch.device) -> torch.Tensor:
    light = torch.linspace(0.0, 1.0, _DISPLAY_LEVELS, device=device)
    return (255.0 * srgb_from_linear(light) + 0.5).to(torch.uint8)


def _extent(mask: np.ndarray) -> slice:
    """From the first to the last place where a mask (N,) holds."""
    places = np.flatnonzero(mask)
    return slice(places[0], places[-1] + 1) if len(places) else slice(0, 0)


@functools.lru_cache(maxsize=2)  # both views of the plate's next part, or of the next plate
def _empty_studio(K: bytes, Rt: bytes, width: int, height: int) -> torch.Tensor:
    """(H, W, 3) linear picture of floor and backdrop, of a camera's attributes, its arrays' bytes."""
    camera = Camera(np.frombuffer(K).reshape(3, 3), np.frombuffer(Rt).reshape(3, 4), width, height)
    grain = np.random.default_rng(0)
    picture = np.empty((camera.height, camera.width, 3), np.float32)
    # By strips that fit the processor's caches, which takes a fraction of the time.
    for top in range(0, camera.height, _STRIP):
        rows = slice(top, min(top + _STRIP, camera.height))
        fine = _empty_rows(camera.enlarged(2), slice(2 * rows.start, 2 * rows.stop), grain)
        picture[rows] = fine.reshape(-1, 2, camera.width, 2, 3).mean((1, 3))
    return torch.from_numpy(picture)


def _empty_rows(camera: Camera, rows: slice, grain: np.random.Generator) -> np.ndarray:
    """(rows, W, 3) of the same picture, its grain but for this not averaged."""
    strip = camera.cropped(0, rows.start, camera.width, rows.stop - rows.start)
    rays, reach = _rays_to_floor(strip)
    floor = _where(strip, rays, reach)
    away = np.linalg.norm(floor, axis=-1, keepdims=True)
    # As wide as a pixel's footprint, so that distant lines fade instead of flickering.
    footprint = (reach / camera.K[0, 0])[..., None]
    distance = np.abs(np.remainder(floor / _LINE_SPACING + 0.5, 1.0) - 0.5) * _LINE_SPACING
    line = np.clip((_LINE_WIDTH + footprint - distance) / footprint, 0.0, 1.0).max(axis=-1, keepdims=True)
    line *= np.clip(_LINE_WIDTH / footprint, 0.0, 1.0) * np.exp(-((away / _GRID_REACH) ** 2))
    ground = _mix(_FLOOR, _LINES, line)

    upward = rays[..., 2:] / np.linalg.norm(rays, axis=-1, keepdims=True)
    wall = _mix(_BACKDROP_LOW, _BACKDROP_HIGH, np.clip((upward + 0.08) / 0.28, 0.0, 1.0))
    share = np.clip((away - _FLOOR_ENDS[0]) / (_FLOOR_ENDS[1] - _FLOOR_ENDS[0]), 0.0, 1.0)
    picture = ground + (wall - ground) * share**2 * (3.0 - 2.0 * share)
    down, across = np.mgrid[rows, : camera.width]
    corner = np.hypot(across / camera.width - 0.5, down / camera.height - 0.5)[..., None]
    picture *= 1.0 - 0.30 * np.clip(corner - 0.2, 0.0, None) ** 1.5
    picture *= 1.0 + _GRAIN * grain.uniform(-1.0, 1.0, picture.shape[:2])[..., None]
    return picture


def _mix(low: tuple[float, ...], high: tuple[float, ...], share: np.ndarray) -> np.ndarray:
    """Between two sRGB colours, in linear light."""
    low_light, high_light = linear_from_srgb(torch.tensor([low, high], dtype=torch.float64)).numpy()
    return low_light + (high_light - low_light) * share


def _rays_to_floor(camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """(H, W, 3) directions of the pixels, world, one metre deep; (H, W) how many of them reach the floor."""
    x = (np.arange(camera.width) + 0.5 - camera.K[0, 2]) / camera.K[0, 0]
    y = (np.arange(camera.height) + 0.5 - camera.K[1, 2]) / camera.K[1, 1]
    in_camera = np.stack([*np.meshgrid(x, y), np.ones((camera.height, camera.width))], axis=-1)
    rays = in_camera @ camera.Rt[:, :3]
    height = max(float(camera.centre[2]), _LEAST_HEIGHT)
    down = np.maximum(-rays[..., 2], height / _FAR)
    return rays, height / down


def _floor_seen(camera: Camera) -> np.ndarray:
    """(H, W, 2) where on the floor each pixel looks, metres; far away where it looks above the horizon."""
    return _where(camera, *_rays_to_floor(camera))


def _where(camera: Camera, rays: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """(H, W, 2) where on the floor rays end."""
    return camera.centre[:2] + reach[..., None] * rays[..., :2]


def _vertex_areas(vertices: torch.Tensor, faces: torch.Tensor) -> torch.Tensor:
    """(V,) share of the surface around each vertex, square metres."""
    a, b, c = vertices[faces].unbind(dim=1)
    third = torch.linalg.norm(torch.linalg.cross(b - a, c - a), dim=1) / 6.0
    areas = torch.zeros(len(vertices), device=vertices.device)
    for corner in range(3):
        areas.index_add_(0, faces[:, corner], third)
    return areas


def _spread(points: torch.Tensor, areas: torch.Tensor, blur: int) -> torch.Tensor:
    """(cells, cells) square metres of surface over each square metre of floor, blurred by `blur` cells."""
    cell = 2.0 * _SHADOW_REACH / _SHADOW_CELLS
    column, row = ((points + _SHADOW_REACH) / cell).long().clamp(0, _SHADOW_CELLS - 1).unbind(dim=1)
    summed = torch.zeros(_SHADOW_CELLS**2, device=points.device)
    summed.index_add_(0, row * _SHADOW_CELLS + column, areas / cell**2)
    offset = torch.arange(-3 * blur, 3 * blur + 1, device=points.device)
    kernel = torch.exp(-0.5 * (offset / blur) ** 2)
    kernel = kernel / kernel.sum()
    density = summed.reshape(1, 1, _SHADOW_CELLS, _SHADOW_CELLS)
    pad = 3 * blur
    density = conv2d(density, kernel.reshape(1, 1, 1, -1), padding=(0, pad))
    return conv2d(density, kernel.reshape(1, 1, -1, 1), padding=(pad, 0))[0, 0]
