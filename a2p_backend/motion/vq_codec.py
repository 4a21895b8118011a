"""Residual vector quantisation of guide poses: one pose a second as a few codes.

Ng et al., "From Audio to Photoreal Embodiment" (2024); van den Oord et al., "Neural Discrete Representation
Learning" (2017); Zeghidour et al., "SoundStream" (2021), for the residual levels, the k-means start and the
replacement of unused entries. Attribute names are the keys of the released checkpoints.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

_DILATIONS = (1, 2, 3, 1)
_SMOOTHING = 1e-5
"""Laplace smoothing of the entry counts, so that an unused entry divides by something."""


@dataclass(frozen=True)
class CodecConfig:
    """Sizes of the codec (the defaults are the released ones), and how its codebooks follow the data."""

    features: int = 104
    width: int = 64
    codes: int = 1024
    """Entries of each codebook."""
    depth: int = 4
    """Codebooks: each quantises what the ones before it left."""
    decay: float = 0.99
    """Of the moving averages that the codebook entries are."""
    min_count: float = 2.0
    """An entry whose average count of vectors falls under this is replaced by a vector of the batch."""
    kmeans_iterations: int = 10


class CodecOutput(NamedTuple):
    """What training needs of one pass over poses (B, K, features)."""

    reconstruction: Tensor
    """(B, K, features)"""
    codes: Tensor
    """(B, K, depth)"""
    commitment: Tensor
    """Mean squared distance of the residuals from their entries; its gradient reaches the encoder."""


def perplexity(codes: Tensor, entries: int) -> Tensor:
    """exp(entropy) of the use of a codebook: how many of its entries are in use, softly counted."""
    share = torch.bincount(codes.flatten(), minlength=entries) / codes.numel()
    return torch.exp(-torch.sum(share * torch.log(share + 1e-7)))


class Codebook(nn.Module):
    """Vectors that follow the data as exponential moving averages, without gradients."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("inited", torch.zeros(1))
        self.register_buffer("cluster_size", torch.zeros(config.codes))
        self.register_buffer("embed", torch.zeros(config.codes, config.width))
        self.register_buffer("embed_avg", torch.zeros(config.codes, config.width))

    def encode(self, x: Tensor) -> Tensor:
        """Index of the entry nearest to each vector of x (..., width)."""
        vectors = x.reshape(-1, x.shape[-1])
        # |x - e|^2 = |x|^2 - 2 x e + |e|^2, of which |x|^2 is the same for all entries.
        distances = self.embed.square().sum(dim=1) - 2 * vectors @ self.embed.T
        return distances.argmin(dim=1).view(x.shape[:-1])

    def decode(self, codes: Tensor) -> Tensor:
        """The entries (..., width) of codes (...)."""
        return functional.embedding(codes, self.embed)

    @torch.no_grad()
    def initialise(self, x: Tensor, generator: torch.Generator | None) -> None:
        """Start from the k-means clusters of the first batch."""
        if self.inited.item():
            return
        vectors = x.reshape(-1, x.shape[-1])
        self.embed.copy_(_sample(vectors, self.config.codes, generator))
        for _ in range(self.config.kmeans_iterations):
            counts, sums = self._assigned(vectors, self.encode(vectors))
            means = sums / counts.clamp(min=1)[:, None]
            self.embed.copy_(torch.where(counts[:, None] > 0, means, self.embed))
        counts, _ = self._assigned(vectors, self.encode(vectors))
        self.cluster_size.copy_(counts)
        self.embed_avg.copy_(self.embed * counts[:, None])
        self.inited.fill_(1)

    @torch.no_grad()
    def update(self, x: Tensor, codes: Tensor, generator: torch.Generator | None) -> None:
        """Move the averages towards the vectors x that were assigned to each entry; revive unused entries."""
        vectors = x.reshape(-1, x.shape[-1])
        counts, sums = self._assigned(vectors, codes.flatten())
        self.cluster_size.lerp_(counts, 1 - self.config.decay)
        self.embed_avg.lerp_(sums, 1 - self.config.decay)
        total = self.cluster_size.sum()
        smoothed = (self.cluster_size + _SMOOTHING) / (total + self.config.codes * _SMOOTHING) * total
        self.embed.copy_(self.embed_avg / smoothed[:, None])

        unused = self.cluster_size < self.config.min_count
        if unused.any():
            fresh = _sample(vectors, int(unused.sum()), generator)
            self.embed[unused] = fresh
            self.embed_avg[unused] = fresh * self.config.min_count
            self.cluster_size[unused] = self.config.min_count

    def _assigned(self, vectors: Tensor, codes: Tensor) -> tuple[Tensor, Tensor]:
        """How many vectors (N, width) each entry got, and their sums (codes, width)."""
        counts = torch.bincount(codes, minlength=self.config.codes).to(vectors.dtype)
        return counts, torch.zeros_like(self.embed).index_add_(0, codes, vectors)


class QuantizerLevel(nn.Module):
    """One codebook, under the name that the released checkpoints give it."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self._codebook = Codebook(config)


class ResidualQuantizer(nn.Module):
    """Codebooks in a row, each for the residual of those before it."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(QuantizerLevel(config) for _ in range(config.depth))

    @property
    def codebooks(self) -> list[Codebook]:
        return [level._codebook for level in self.layers]

    def encode(self, latents: Tensor) -> Tensor:
        """Codes (..., depth) of latents (..., width)."""
        residual, codes = latents, []
        for codebook in self.codebooks:
            codes.append(codebook.encode(residual))
            residual = residual - codebook.decode(codes[-1])
        return torch.stack(codes, dim=-1)

    def decode(self, codes: Tensor) -> Tensor:
        """Latents (..., width): the sum of the levels' entries."""
        return sum(codebook.decode(codes[..., level]) for level, codebook in enumerate(self.codebooks))

    def forward(self, latents: Tensor, generator: torch.Generator | None) -> tuple[Tensor, Tensor, Tensor]:
        """Quantised latents whose gradient passes straight through, codes, and commitment loss."""
        residual, quantised = latents, torch.zeros_like(latents)
        all_codes, losses = [], []
        for codebook in self.codebooks:
            if self.training:
                codebook.initialise(residual.detach(), generator)
            codes = codebook.encode(residual.detach())
            entries = codebook.decode(codes)
            if self.training:
                codebook.update(residual.detach(), codes, generator)
            losses.append(functional.mse_loss(residual, entries))
            residual, quantised = residual - entries, quantised + entries
            all_codes.append(codes)
        straight_through = latents + (quantised - latents).detach()
        return straight_through, torch.stack(all_codes, dim=-1), torch.stack(losses).mean()


class CausalEncoder(nn.Module):
    """Poses (B, features, K) to latents (B, width, K); a latent sees its own second and the seven before."""

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv1d(features, width, kernel_size=1)]
        for dilation in _DILATIONS:
            layers += [nn.LeakyReLU(0.2), nn.Conv1d(width, width, kernel_size=2, dilation=dilation)]
        self.enc = nn.Sequential(*layers)

    def forward(self, poses: Tensor) -> Tensor:
        return self.enc(functional.pad(poses, (sum(_DILATIONS), 0)))


class CausalDecoder(nn.Module):
    """Latents (B, width, K) to poses (B, features, K)."""

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for dilation in _DILATIONS:
            layers += [nn.Conv1d(width, width, kernel_size=2, dilation=dilation), nn.LeakyReLU(0.2)]
        self.dec = nn.Sequential(*layers, nn.Conv1d(width, features, kernel_size=1))

    def forward(self, latents: Tensor) -> Tensor:
        return self.dec(functional.pad(latents, (sum(_DILATIONS), 0)))


class VQCodec(nn.Module):
    """Guide poses, normalised and one a second (B, K, features), to codes (B, K, depth) and back."""

    def __init__(self, config: CodecConfig | None = None) -> None:
        super().__init__()
        self.config = config or CodecConfig()
        self.encoder = CausalEncoder(self.config.features, self.config.width)
        self.quantizer = ResidualQuantizer(self.config)
        self.decoder = CausalDecoder(self.config.features, self.config.width)

    def latents(self, poses: Tensor) -> Tensor:
        """What is quantised: (B, K, width)."""
        return self.encoder(poses.transpose(1, 2)).transpose(1, 2)

    def encode(self, poses: Tensor) -> Tensor:
        """Codes (B, K, depth) of poses (B, K, features)."""
        return self.quantizer.encode(self.latents(poses))

    def decode(self, codes: Tensor) -> Tensor:
        """Poses (B, K, features) of codes (B, K, depth)."""
        return self.decoder(self.quantizer.decode(codes).transpose(1, 2)).transpose(1, 2)

    def forward(self, poses: Tensor, generator: torch.Generator | None = None) -> CodecOutput:
        """Poses through the bottleneck. In training mode the codebooks learn, drawing from `generator`."""
        quantised, codes, commitment = self.quantizer(self.latents(poses), generator)
        reconstruction = self.decoder(quantised.transpose(1, 2)).transpose(1, 2)
        return CodecOutput(reconstruction, codes, commitment)


def _sample(vectors: Tensor, count: int, generator: torch.Generator | None) -> Tensor:
    """`count` of the vectors (N, width), drawn at random; more than once each only where N is too small."""
    device = generator.device if generator is not None else None
    if len(vectors) >= count:
        drawn = torch.randperm(len(vectors), generator=generator, device=device)[:count]
    else:
        drawn = torch.randint(len(vectors), (count,), generator=generator, device=device)
    return vectors[drawn.to(vectors.device)]
