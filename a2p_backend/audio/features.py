"""Audio features: what the motion networks hear of a clip, and the registry of what there is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, Self

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from a2p_backend.audio.log_mel import LogMel, LogMelConfig
from a2p_backend.audio.wav2vec import VQWav2Vec, Wav2VecConfig
from kinematics.errors import A2PError


class FeaturesError(A2PError):
    """An actor asks for audio features that there are not, or whose weights are missing."""


class AudioFeatures(Protocol):
    """A frozen torch module from audio (B, S, 2) at 48 kHz to features (B, L, width)."""

    kind: str
    width: int

    def __call__(self, audio: Tensor) -> Tensor: ...

    def to(self, device: torch.device) -> Self: ...

    def eval(self) -> Self: ...


def build_features(config: Mapping[str, Any], folder: Path = Path()) -> AudioFeatures:
    """The features that an actor's configuration names, such as {"kind": "log_mel", "bands": 40}.

    {"kind": "vq_wav2vec", "weights": "vq_wav2vec.safetensors", ...} takes its weights from `folder`; its
    other entries are the fields of Wav2VecConfig.

    Raises:
        FeaturesError: the kind is unknown, an entry does not belong to it, or its weights are missing or
            do not fit.
    """
    options = dict(config)
    kind = options.pop("kind", None)
    if kind not in _BUILDERS:
        known = ", ".join(sorted(_BUILDERS))
        raise FeaturesError(f"There are no audio features of kind {kind!r}; the kinds are {known}.")
    try:
        return _BUILDERS[kind](options, folder)
    except TypeError as error:
        raise FeaturesError(f"The audio features {kind} are configured wrongly: {error}.") from error


def _log_mel(options: dict[str, Any], folder: Path) -> AudioFeatures:
    return LogMel(LogMelConfig(**options)).eval()


def _vq_wav2vec(options: dict[str, Any], folder: Path) -> AudioFeatures:
    name = options.pop("weights", None)
    if name is None:
        raise FeaturesError(
            "The audio features vq_wav2vec need weights: name their file in the actor's features."
        )
    features = VQWav2Vec(Wav2VecConfig(**options) if options else None)
    try:
        features.wav2vec.load_state_dict(load_file(folder / name))
    except (OSError, RuntimeError, SafetensorError) as error:
        raise FeaturesError(f"{folder / name} does not hold the audio network's weights: {error}.") from error
    return features.eval().requires_grad_(False)


_BUILDERS: Mapping[str, Callable[[dict[str, Any], Path], AudioFeatures]] = {
    LogMel.kind: _log_mel,
    VQWav2Vec.kind: _vq_wav2vec,
}
