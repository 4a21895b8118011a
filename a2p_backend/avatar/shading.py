"""Light on a surface: from fragments to linear colour.

A key, a fill and a rim lamp that stand with the camera, a dome that is brighter above than below, a soft
highlight, and shade where the depth picture shows something close in front, which parts the hands from the
trunk. `opengl_paint` does the same in a shader.
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn.functional import avg_pool2d, interpolate, normalize

from a2p_backend.avatar.rasteriser import Rasteriser
from a2p_backend.avatar.surface import Surface
from kinematics.camera import Camera

LAMPS = (
    # direction to the lamp (right, towards the camera, up), colour
    ((-0.50, 0.72, 0.58), (2.30, 2.18, 2.02)),
    ((0.80, 0.60, 0.10), (0.58, 0.62, 0.70)),
    ((0.35, -0.80, 0.55), (0.95, 1.05, 1.20)),
)
SKY, GROUND = (0.60, 0.63, 0.68), (0.36, 0.31, 0.27)
SOFTNESS = (0.42, 0.30, 0.24)
"""How far light reaches round the terminator: the lamps are large, and red light travels on under skin."""
SHININESS, HIGHLIGHT, RIM = (14.0, 260.0), 1.5, 0.35
"""Exponents of the highlight of gloss 0 and 1, its strength at gloss 1, the rim's strength."""
SHADE_DEPTH, SHADE = 0.11, 0.62
"""Metres behind the surroundings' mean depth at which the shade is full; the light that it then takes."""
DEPTH_REDUCTION = 8
"""The surroundings' mean depth is taken from a depth picture this much smaller."""
_SHADE_RADIUS = 0.055
"""Metres that count as surroundings."""
_SUPERSAMPLING = 2


def vertex_normals(vertices: torch.Tensor, faces: torch.Tensor) -> torch.Tensor:
    """(V, 3) unit normals: the adjoining faces' normals, weighted by their areas."""
    a, b, c = vertices[faces].unbind(dim=1)
    of_face = torch.linalg.cross(b - a, c - a)
    summed = torch.zeros_like(vertices)
    for corner in range(3):
        summed.index_add_(0, faces[:, corner], of_face)
    return normalize(summed, dim=1)


def lamp_directions(camera: Camera) -> np.ndarray:
    """(3, 3) unit vectors to the key, fill and rim lamp, world."""
    right = camera.Rt[0, :3]
    up = np.array([0.0, 0.0, 1.0])
    axes = np.stack([right, np.cross(right, up), up])
    directions = np.array([direction for direction, _ in LAMPS]) @ axes
    return directions / np.linalg.norm(directions, axis=1, keepdims=True)


def surroundings_depth(depth: torch.Tensor, camera: Camera) -> torch.Tensor:
    """(h, w) mean depth around each pixel of a depth picture of any size, 0 where nothing is.

    After Luft, Colditz, Deussen, "Image Enhancement by Unsharp Masking the Depth Buffer", SIGGRAPH 2006.
    """
    distance = float(np.linalg.norm(camera.centre))
    pixels_per_metre = camera.K[0, 0] / distance * depth.shape[1] / camera.width
    radius = max(1, round(_SHADE_RADIUS * pixels_per_metre))
    layers = torch.stack([depth, (depth > 0).to(depth.dtype)])[None]
    for kernel, padding in (((2 * radius + 1, 1), (radius, 0)), ((1, 2 * radius + 1), (0, radius))) * 2:
        layers = avg_pool2d(layers, kernel, stride=1, padding=padding)
    return (layers[0, 0] / layers[0, 1].clamp(min=1e-6)).contiguous()


def shade_supersampled(
    rasteriser: Rasteriser, surface: Surface, vertices: torch.Tensor, camera: Camera
) -> torch.Tensor:
    """The mesh under the lamps: (H, W, 4) linear colour times coverage, and coverage.

    Args:
        vertices: (V, 3) world, metres, on the rasteriser's device, as is the surface.
    """
    large = camera.enlarged(_SUPERSAMPLING)
    fragments = rasteriser.rasterise(vertices, surface.faces, large)
    pixels = torch.nonzero(fragments.face_index.ravel() >= 0)[:, 0]
    face = fragments.face_index.ravel()[pixels].to(torch.int64)
    barycentrics = fragments.barycentrics.reshape(-1, 3)[pixels]
    depth = fragments.depth.ravel()[pixels]

    normals = vertex_normals(vertices, surface.faces)[surface.faces]
    normal = normalize(torch.einsum("nk,nkc->nc", barycentrics, normals[face]), dim=1)
    material = surface.material_of_face[face]
    light = torch.ones_like(normal)
    if surface.skin is not None:
        material = torch.cat([surface.skin.colours(face, barycentrics), material[:, 3:]], dim=1)
        if surface.light is not None:
            light = surface.skin.light(surface.light, face, barycentrics)
    colour = _light(
        normal,
        _toward_camera(large, pixels),
        material,
        light,
        _unshaded(fragments.depth, large).ravel()[pixels] if len(pixels) else depth,
        lamp_directions(camera),
    )
    picture = torch.zeros((large.height * large.width, 4), device=vertices.device)
    picture[pixels] = torch.cat([colour, torch.ones_like(colour[:, :1])], dim=1)
    planes = picture.reshape(large.height, large.width, 4).permute(2, 0, 1)
    return avg_pool2d(planes[None], _SUPERSAMPLING)[0].permute(1, 2, 0)


def _light(
    normal: torch.Tensor,
    toward: torch.Tensor,
    material: torch.Tensor,
    light: torch.Tensor,
    unshaded: torch.Tensor,
    lamps: np.ndarray,
) -> torch.Tensor:
    """(N, 3) light that leaves N points toward the camera."""

    def constant(values: object) -> torch.Tensor:
        return torch.as_tensor(values, dtype=torch.float32, device=normal.device)

    facing = (normal * toward).sum(dim=1, keepdim=True)
    # At outlines the smooth normal of a face that is seen may look away: no further than to the side.
    normal = normalize(normal - facing.clamp(max=0.0) * toward, dim=1)
    facing = facing.clamp(min=0.0)
    directions, colours = constant(lamps), constant([colour for _, colour in LAMPS])
    softness = constant(SOFTNESS)
    incidence = ((normal @ directions.T)[..., None] + softness) / (1.0 + softness)
    incidence = incidence.clamp(min=0.0)
    upward = 0.5 + 0.5 * normal[:, 2:3]
    ambient = constant(GROUND) + (constant(SKY) - constant(GROUND)) * upward
    gleam = (normal * normalize(toward + directions[0], dim=1)).sum(dim=1, keepdim=True).clamp(min=0.0)
    edge = (1.0 - facing) ** 4 * incidence[:, 2]
    diffuse = material[:, :3] / torch.pi * ((incidence * colours).sum(dim=1) + ambient)
    gloss = material[:, 3:]
    exponent = SHININESS[0] * (SHININESS[1] / SHININESS[0]) ** gloss
    highlight = HIGHLIGHT * gloss**3 * gleam**exponent
    # What lies in the dark does not shine either.
    return ((diffuse + RIM * edge * colours[2]) * unshaded[:, None] + highlight) * light


def _toward_camera(camera: Camera, pixels: torch.Tensor) -> torch.Tensor:
    """(N, 3) unit vectors from what is seen at N pixels, numbered row by row, to the camera, world."""
    row = torch.div(pixels, camera.width, rounding_mode="floor")
    column = pixels - row * camera.width
    x = (column + 0.5 - camera.K[0, 2]) / camera.K[0, 0]
    y = (row + 0.5 - camera.K[1, 2]) / camera.K[1, 1]
    rotation = torch.as_tensor(camera.Rt[:, :3], dtype=torch.float32, device=pixels.device)
    return -normalize(torch.stack([x, y, torch.ones_like(x)], dim=1).to(torch.float32) @ rotation, dim=1)


def _unshaded(depth: torch.Tensor, camera: Camera) -> torch.Tensor:
    """(H, W) share of the light that things in front let through."""
    step = DEPTH_REDUCTION * _SUPERSAMPLING
    mean = surroundings_depth(depth[step // 2 :: step, step // 2 :: step].contiguous(), camera)
    mean = interpolate(mean[None, None], size=depth.shape, mode="bilinear", align_corners=False)[0, 0]
    return 1.0 - SHADE * ((depth - mean) / SHADE_DEPTH).clamp(0.0, 1.0)
