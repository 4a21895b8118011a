"""The frozen speech networks of the released actors: the wav2vec 1.0 family of fairseq.

Schneider et al., "wav2vec" (2019): a stack of strided convolutions over the waveform (the extractor), and a
stack of causal ones over its features (the aggregator). Baevski et al., "vq-wav2vec" (2020), whose extractor
alone is used. Attribute names are the keys of the released checkpoints; what else these hold (quantiser,
predictions) is not needed.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torchaudio
from torch import Tensor, nn
from torch.nn import functional

from kinematics.errors import A2PError

INPUT_RATE = 48_000
NETWORK_RATE = 16_000

ConvLayers = tuple[tuple[int, int, int], ...]
"""(channels, kernel, stride) of each layer."""

_ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu_,
    "gelu": torch.ops.aten.gelu_,  # like relu_, in place: a clip's first layer has 130 MB of features
}
_SHARED_EXTRACTOR = (
    (512, 10, 5),
    (512, 8, 4),
    (512, 4, 2),
    (512, 4, 2),
    (512, 4, 2),
    (512, 1, 1),
    (512, 1, 1),
)


class Wav2VecConfigError(A2PError):
    """A checkpoint describes a network of another kind than this module's."""


@dataclass(frozen=True)
class Wav2VecConfig:
    """What a fairseq checkpoint says of itself in its `args` or `cfg`."""

    extractor: ConvLayers
    aggregator: ConvLayers = ()
    activation: str = "relu"
    log_compression: bool = True
    skip_connections_feat: bool = False
    skip_connections_agg: bool = True
    residual_scale: float = 0.5
    """The power that a sum of two is scaled to: amplitudes are multiplied by its square root."""

    @classmethod
    def vq_wav2vec(cls, log_compression: bool = True) -> Wav2VecConfig:
        """The published recipe of vq-wav2vec.pt, extractor only."""
        return cls((*_SHARED_EXTRACTOR, (512, 1, 1)), activation="gelu", log_compression=log_compression)

    @classmethod
    def wav2vec_large(cls) -> Wav2VecConfig:
        """The published recipe of wav2vec_large.pt."""
        return cls(_SHARED_EXTRACTOR, aggregator=tuple((512, kernel, 1) for kernel in range(2, 14)))

    @classmethod
    def from_args(cls, args: Mapping[str, Any], *, aggregator: bool) -> Wav2VecConfig:
        """Reads a checkpoint's own arguments.

        Raises:
            Wav2VecConfigError: an argument is missing, or asks for what is not built here.
        """
        for unsupported in ("agg_zero_pad", "no_conv_bias", "conv_bias"):
            if args.get(unsupported, False):
                raise Wav2VecConfigError(f"The checkpoint sets {unsupported}, which is not supported.")
        activation = args.get("activation", "relu")  # files older than the argument have relu
        if activation not in _ACTIVATIONS:
            raise Wav2VecConfigError(f"The checkpoint's activation {activation!r} is not supported.")
        try:
            return cls(
                extractor=_layers(args["conv_feature_layers"]),
                aggregator=_layers(args["conv_aggregator_layers"]) if aggregator else (),
                activation=activation,
                log_compression=bool(args["log_compression"]),
                skip_connections_feat=bool(args.get("skip_connections_feat", False)),
                skip_connections_agg=bool(args["skip_connections_agg"]),
                residual_scale=float(args["residual_scale"]),
            )
        except KeyError as error:
            raise Wav2VecConfigError(f"The checkpoint's arguments lack {error}.") from error


def _layers(text: str) -> ConvLayers:
    """Layers that are written as "[(512, 10, 5), (512, 8, 4), ...]"; read as literals, never run."""
    try:
        return tuple((int(c), int(k), int(s)) for c, k, s in ast.literal_eval(text))
    except (SyntaxError, TypeError, ValueError) as error:
        raise Wav2VecConfigError(f"The checkpoint's convolutions {text!r} cannot be read.") from error


def convolve(x: Tensor, convolution: nn.Conv1d, products: torch.dtype = torch.float32) -> Tensor:
    """A convolution over time-major x (B, N, channels), by matrix products that read x where it lies.

    The kernel is a whole number of strides long. Cut into pieces of one stride, every piece is a linear
    layer of as many consecutive rows, seen as one; their outputs add up. This is faster on a CPU than the
    general convolution and needs no copies of x.

    products: what they are computed in; their sums, and a waveform's own products, are in single precision.
    """
    (kernel,), (stride,) = convolution.kernel_size, convolution.stride
    assert kernel % stride == 0
    products = torch.float32 if convolution.in_channels == 1 else products
    rows = x[:, : x.shape[1] // stride * stride].unflatten(1, (-1, stride)).flatten(2).to(products)
    pieces = convolution.weight.unflatten(2, (-1, stride)).permute(2, 3, 1, 0).flatten(1, 2).to(products)
    steps = rows.shape[1] - len(pieces) + 1
    outputs = []
    for clip in rows:
        y = (clip[:steps] @ pieces[0]).float()
        for i, piece in enumerate(pieces[1:], start=1):
            if products == torch.float32:
                y.addmm_(clip[i : i + steps], piece)
            else:
                y += clip[i : i + steps] @ piece
        outputs.append(y)
    y = outputs[0][None] if len(outputs) == 1 else torch.stack(outputs)
    return y if convolution.bias is None else y.add_(convolution.bias)


def _normalise(x: Tensor, norm: nn.GroupNorm) -> Tensor:
    """Group norm with one group, over all of a clip's features (N, channels) at once; x is overwritten."""
    x -= x.mean(dim=(1, 2), keepdim=True)
    variance = torch.linalg.vector_norm(x, dim=2).square().mean(dim=1) / x.shape[2]
    scale = norm.weight * (variance + norm.eps).rsqrt()[:, None, None]
    return torch.addcmul(norm.bias, x, scale, out=x)


class ConvExtractor(nn.Module):
    """Waveform (B, S) at 16 kHz to features (B, steps, channels)."""

    def __init__(self, config: Wav2VecConfig) -> None:
        super().__init__()
        self.log_compression = config.log_compression
        self.skip = config.skip_connections_feat
        self.amplitude = math.sqrt(config.residual_scale)
        self.activate = _ACTIVATIONS[config.activation]
        self.conv_layers = nn.ModuleList()
        before = 1
        for channels, kernel, stride in config.extractor:
            self.conv_layers.append(
                nn.Sequential(
                    nn.Conv1d(before, channels, kernel, stride, bias=False),
                    nn.Identity(),  # dropout in training; it keeps the place of the norm's key
                    nn.GroupNorm(1, channels),
                )
            )
            before = channels

    def forward(self, waveform: Tensor, products: torch.dtype = torch.float32) -> Tensor:
        x = waveform[..., None]
        for convolution, _, norm in self.conv_layers:
            y = self.activate(_normalise(convolve(x, convolution, products), norm))
            if self.skip and x.shape[2] == y.shape[2]:
                steps = y.shape[1]
                y = (y + x[:, :: x.shape[1] // steps][:, :steps]) * self.amplitude
            x = y
        return (x.abs() + 1).log() if self.log_compression else x


class ConvAggregator(nn.Module):
    """Features (B, steps, channels) to features of the same shape that have heard the steps before."""

    def __init__(self, config: Wav2VecConfig) -> None:
        super().__init__()
        self.skip = config.skip_connections_agg
        self.amplitude = math.sqrt(config.residual_scale)
        self.activate = _ACTIVATIONS[config.activation]
        self.conv_layers = nn.ModuleList()
        before = config.extractor[-1][0]
        for channels, kernel, stride in config.aggregator:
            self.conv_layers.append(
                nn.Sequential(
                    nn.Identity(),  # the padding
                    nn.Conv1d(before, channels, kernel, stride),
                    nn.Identity(),
                    nn.GroupNorm(1, channels),
                )
            )
            before = channels

    def forward(self, x: Tensor, products: torch.dtype = torch.float32) -> Tensor:
        for _, convolution, _, norm in self.conv_layers:
            lead_in = x[:, :1].expand(-1, convolution.kernel_size[0] - 1, -1)
            y = convolve(torch.cat([lead_in, x], dim=1), convolution, products)
            y = self.activate(_normalise(y, norm))
            x = (y + x) * self.amplitude if self.skip and x.shape == y.shape else y
        return x


class Wav2Vec(nn.Module):
    """Waveform (B, S) at 16 kHz to features (B, steps, channels): extractor, then aggregator if any.

    `products` are what `convolve` says; all else is in single precision.
    """

    def __init__(self, config: Wav2VecConfig) -> None:
        super().__init__()
        self.feature_extractor = ConvExtractor(config)
        self.feature_aggregator = ConvAggregator(config) if config.aggregator else None

    @torch.no_grad()
    def forward(self, waveform: Tensor, products: torch.dtype = torch.float32) -> Tensor:
        features = self.feature_extractor(waveform, products)
        return features if self.feature_aggregator is None else self.feature_aggregator(features, products)


class VQWav2Vec(nn.Module):
    """The audio features of the released actors: both channels through one extractor, stacked.

    Audio (B, S, 2) at 48 kHz, normalised, to (B, L, width), about 100 steps a second. The group norm runs
    over the whole clip, so the features of a moment depend on the clip's length.
    """

    kind = "vq_wav2vec"

    def __init__(self, config: Wav2VecConfig | None = None) -> None:
        super().__init__()
        self.config = config or Wav2VecConfig.vq_wav2vec()
        self.width = 2 * self.config.extractor[-1][0]
        self.wav2vec = Wav2Vec(self.config)

    def forward(self, audio: Tensor) -> Tensor:
        batch, _, channels = audio.shape
        waveforms = to_network_rate(audio.transpose(1, 2).flatten(0, 1))
        # One waveform at a time: a batch would only take more memory.
        features = torch.cat([self.wav2vec(waveform[None]) for waveform in waveforms])
        return features.unflatten(0, (batch, channels)).transpose(1, 2).flatten(2)


class LipAudioEncoder(nn.Module):
    """What the lip regressor hears: audio (B, S) at 48 kHz to (B, steps, 512), 100 steps a second."""

    lead_in = 320
    """Zeros put before the waveform at 16 kHz: 20 ms."""

    def __init__(self, config: Wav2VecConfig | None = None) -> None:
        super().__init__()
        self.wav2vec_model = Wav2Vec(config or Wav2VecConfig.wav2vec_large())

    def forward(self, audio: Tensor, products: torch.dtype = torch.float32) -> Tensor:
        return self.wav2vec_model(functional.pad(to_network_rate(audio), (self.lead_in, 0)), products)


def to_network_rate(audio: Tensor) -> Tensor:
    """48 kHz (..., S) to 16 kHz with torchaudio's default windowed sinc."""
    return torchaudio.functional.resample(audio, INPUT_RATE, NETWORK_RATE)
