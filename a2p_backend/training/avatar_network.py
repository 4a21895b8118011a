"""Teaching an avatar's network: light from pictures under a dome, geometry from where Blender puts vertices.

Photometric: of a few pictures at a time, some pixels' colours against the fitted texture under the network's
light for the picture's expression; the geometry being known, the rasteriser says which texel each pixel looks
at. Geometric: the network's coefficients against those of the measured displacements, in millimetres.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from a2p_backend.avatar.surface import linear_from_srgb, srgb_from_linear
from a2p_backend.avatar.trained.network import POSE_INPUTS, AvatarNetwork, NetworkConfig
from a2p_backend.training.avatar_texture import Seen, sample
from a2p_backend.training.loop import Trainable

MOST_FIELDS = 12
_LEAST_MOVE = 2e-4
"""Metres, root mean square over the poses, from which on a vertex counts as moved."""
_MILLIMETRES = 1e3
_PICTURES, _PIXELS, _POSES = 3, 6_000, 64
"""In a batch; pixels of each picture."""
_GEOMETRY_WEIGHT = 0.002
_UNSEEN_WEIGHT = 1e-3
"""Where no picture shows the skin, light is to leave it as it is."""


@dataclass(frozen=True, eq=False)
class Displacements:
    """What Blender does to the mesh beyond linear blending, at rest: fields (R, M, 3) metres of vertices
    `moved` (M,), shares (P, R) of them in P poses, of codes (P, E) and pose (P, 98).
    """

    fields: Tensor
    moved: Tensor
    shares: Tensor
    codes: Tensor
    pose: Tensor

    @classmethod
    def of(cls, residuals: np.ndarray, codes: np.ndarray, pose: np.ndarray) -> Displacements:
        """From displacements (P, V, 3) in poses (P, 104): their strongest principal components."""
        if len(residuals) == 0:
            return cls.none()
        moved = np.flatnonzero(np.sqrt((residuals**2).sum(axis=2).mean(axis=0)) > _LEAST_MOVE)
        flat = residuals[:, moved].reshape(len(residuals), -1)
        left, strength, right = np.linalg.svd(flat, full_matrices=False)
        count = min(MOST_FIELDS, len(strength)) if len(moved) else 0
        # A share of 1 is a displacement of a millimetre, root mean square over the vertices.
        scale = np.sqrt(max(len(moved), 1)) / _MILLIMETRES
        return cls(
            torch.from_numpy((right[:count] * scale).reshape(count, len(moved), 3).astype(np.float32)),
            torch.from_numpy(moved.astype(np.int32)),
            torch.from_numpy((left[:, :count] * strength[:count] / scale).astype(np.float32)),
            torch.from_numpy(codes.astype(np.float32)),
            torch.from_numpy(pose[:, -POSE_INPUTS:].astype(np.float32)),
        )

    @classmethod
    def none(cls) -> Displacements:
        """Nothing that linear blending lacks."""
        fields, moved = torch.zeros(0, 0, 3), torch.zeros(0, dtype=torch.int32)
        return cls(fields, moved, torch.zeros(0, 0), torch.zeros(0, 0), torch.zeros(0, POSE_INPUTS))


class AvatarTrainable(Trainable):
    """A network with the pictures and poses that teach it, and some that are held out."""

    network: AvatarNetwork

    def __init__(
        self,
        texture: Tensor,
        pictures: Sequence[Seen],
        held_out: Sequence[Seen],
        displacements: Displacements,
        expressions: int,
        channels: tuple[int, ...],
    ) -> None:
        """texture: (3, H, W) sRGB."""
        self._texture = linear_from_srgb(texture)
        self._pictures, self._held_out, self._displacements = pictures, held_out, displacements
        fields = displacements.fields
        network = AvatarNetwork(NetworkConfig(expressions, fields.shape[0], fields.shape[1], channels))
        network.fields.copy_(fields)
        network.moved.copy_(displacements.moved)
        self.network = network

    def losses(self, rng: np.random.Generator) -> Mapping[str, Tensor]:
        reconstruction = unlit = position = torch.zeros(())
        if self.network.config.channels:
            reconstruction, unlit = self._light_losses(rng)
        learnt = self._displacements
        if self.network.config.fields:
            some = torch.from_numpy(rng.integers(len(learnt.shares), size=_POSES))
            error = self.network.shares(learnt.codes[some], learnt.pose[some]) - learnt.shares[some]
            position = error.square().sum(dim=1).mean()
        total = reconstruction + _GEOMETRY_WEIGHT * position + _UNSEEN_WEIGHT * unlit
        return {"total": total, "reconstruction": reconstruction, "position": position}

    def _light_losses(self, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """How far some pictures are from the texture under the network's light, and that light from none."""
        chosen = [self._pictures[index] for index in rng.integers(len(self._pictures), size=_PICTURES)]
        light = self.network.light(torch.stack([seen.codes for seen in chosen]))
        errors = []
        for factors, seen in zip(light, chosen, strict=True):
            some = torch.from_numpy(rng.integers(len(seen.uv), size=min(_PIXELS, len(seen.uv))))
            uv = seen.uv[some]
            colour = lit(self._texture, factors, uv)
            errors.append((seen.weight[some, None].sqrt() * (colour - seen.colour[some]).abs()).mean())
        return torch.stack(errors).mean(), (light - 1.0).square().mean()

    @torch.no_grad()
    def validate(self, network: nn.Module) -> Mapping[str, float]:
        assert isinstance(network, AvatarNetwork)
        return {"validation": psnr(self._texture, network, self._held_out)}


def lit(texture: Tensor, factors: Tensor | None, uv: Tensor) -> Tensor:
    """(N, 3) sRGB of pixels that look at places (N, S, 2) of a linear texture (3, H, W), under light (3, S,
    S).
    """
    colours = sample(texture, uv)
    if factors is not None:
        colours = colours * sample(factors, uv)
    return srgb_from_linear(colours.mean(dim=1).clamp(1e-5, 1.0))


@torch.no_grad()
def psnr(texture: Tensor, network: AvatarNetwork | None, pictures: Sequence[Seen]) -> float:
    """Decibels over what the pictures show squarely; without a network the texture (linear) as it is."""
    error, count = 0.0, 0
    for seen in pictures:
        squarely = torch.nonzero(seen.weight >= seen.weight.median())[:, 0]
        unlit = network is None or not network.config.channels
        factors = None if unlit else network.light(seen.codes[None])[0]
        colour = lit(texture, factors, seen.uv[squarely])
        error += float((colour - seen.colour[squarely]).square().sum())
        count += colour.numel()
    return float(-10.0 * np.log10(max(error / max(count, 1), 1e-10)))
