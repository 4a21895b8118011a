"""An actor in memory: networks, statistics and body, ready to perform."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from a2p_backend.actors.manifest import ActorError, ActorManifest, NetworkEntry, NetworkName
from a2p_backend.actors.registry import find_actor
from a2p_backend.actors.statistics import Statistics
from a2p_backend.audio.features import AudioFeatures, build_features
from a2p_backend.audio.wav2vec import LipAudioEncoder, Wav2VecConfig
from a2p_backend.motion.film_transformer import FiLMConfig, FiLMTransformer
from a2p_backend.motion.guide_transformer import GuideConfig, GuideTransformer
from a2p_backend.motion.lip_regressor import LipConfig, LipRegressor
from a2p_backend.motion.vq_codec import CodecConfig, VQCodec
from kinematics.array_files import read_npz
from kinematics.body import Body, load_default_body
from kinematics.files import whole_file

BODY_FILE = "skeleton.npz"
MAX_BODY_BYTES = 1 << 28
"""Of each array of it; a released actor's largest has 4 MB."""


@dataclass(frozen=True)
class LipNetworkConfig:
    """The lip regressor and the audio network inside it."""

    regressor: LipConfig
    audio: Wav2VecConfig


def build_lip_regressor(regressor: Mapping[str, Any], audio: Mapping[str, Any]) -> LipRegressor:
    """The network of a LipNetworkConfig whose parts are given as dictionaries."""
    return LipRegressor(LipAudioEncoder(Wav2VecConfig(**audio)), LipConfig(**regressor))


ARCHITECTURES: Mapping[NetworkName, Callable[..., nn.Module]] = {
    "face": lambda **config: FiLMTransformer(FiLMConfig(**config)),
    "lip": build_lip_regressor,
    "guide": lambda **config: GuideTransformer(GuideConfig(**config)),
    "codec": lambda **config: VQCodec(CodecConfig(**config)),
    "body": lambda **config: FiLMTransformer(FiLMConfig(**config)),
}
"""What builds a network from the `config` of its manifest entry."""


@dataclass(frozen=True)
class Actor:
    """One person's model set. A network that the actor lacks is None."""

    manifest: ActorManifest
    statistics: Statistics
    features: AudioFeatures
    face: FiLMTransformer | None
    lip: LipRegressor | None
    """What the face hears besides the features, in actors whose face was trained with it."""
    guide: GuideTransformer | None
    codec: VQCodec | None
    denoiser: FiLMTransformer | None
    """The body denoiser."""
    body: Body
    device: torch.device

    @property
    def name(self) -> str:
        return self.manifest.name

    @property
    def performs_face(self) -> bool:
        return self.face is not None

    @property
    def performs_body(self) -> bool:
        return self.denoiser is not None and self.guide is not None and self.codec is not None

    def hear(self, audio: Tensor) -> Tensor:
        """What guide and body hear: features (B, L, C) of normalised audio (B, 1600 T, 2) at 48 kHz."""
        return self.features(audio)

    def hear_face(self, audio: Tensor, features: Tensor, products: torch.dtype = torch.float32) -> Tensor:
        """What the face hears: the features of `hear`, and after them the actor's lips where it has any.

        products: what the lips' convolutions are computed in.
        """
        if self.lip is None:
            return features
        lips = self.lip.conditions(audio[..., 0], features.shape[1], products)
        return torch.cat([features, lips], dim=-1)


def default_device() -> torch.device:
    """CUDA where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def load_actor(actor: str | Path, device: torch.device | None = None) -> Actor:
    """Loads an actor by its installed name, or from a folder given as a Path.

    Raises:
        ActorError: the actor is not installed, or one of its files is missing, damaged or of another shape.
    """
    folder = actor if isinstance(actor, Path) else find_actor(actor)
    device = device or default_device()
    manifest = ActorManifest.read(folder)
    networks = {
        name: _load_network(folder, name, entry).to(device) for name, entry in manifest.networks.items()
    }
    return Actor(
        manifest=manifest,
        statistics=Statistics.load(folder / manifest.statistics),
        features=build_features(manifest.features, folder).to(device).eval(),
        face=networks.get("face"),
        lip=networks.get("lip"),
        guide=networks.get("guide"),
        codec=networks.get("codec"),
        denoiser=networks.get("body"),
        body=load_actor_body(folder, manifest),
        device=device,
    )


def load_actor_body(folder: Path, manifest: ActorManifest) -> Body:
    """The body of the actor in a folder. Raises ActorError."""
    return load_default_body() if manifest.body == "default" else _load_body(folder / BODY_FILE)


def save_network(folder: Path, name: NetworkName, network: nn.Module, config: Any) -> NetworkEntry:
    """Writes a network's weights beside the manifest, whole or not at all, and returns its manifest entry.

    `config` is the network's own configuration dataclass.
    """
    file = save_weights(folder / f"{name}.safetensors", network.state_dict())
    return NetworkEntry(file=file, config=dataclasses.asdict(config))


def save_weights(path: Path, weights: Mapping[str, Tensor]) -> str:
    """Writes a file of weights, whole or not at all, and returns its name."""
    with whole_file(path) as file:
        save_file({key: value.detach().cpu().contiguous() for key, value in weights.items()}, file)
    return path.name


def _load_network(folder: Path, name: NetworkName, entry: NetworkEntry) -> nn.Module:
    path = folder / entry.file
    try:
        network = ARCHITECTURES[name](**entry.config)
    except TypeError as error:
        raise ActorError(
            f"The {name} network of {folder} is configured for another version of a2p: {error}."
        ) from error
    try:
        weights = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ActorError(f"{path} cannot be read as weights: {error}; add the actor anew.") from error
    try:
        network.load_state_dict({key: _single(value) for key, value in weights.items()})
    except RuntimeError as error:
        raise ActorError(f"{path} does not fit the actor's {name} network: {_first_line(error)}") from error
    return network.eval().requires_grad_(False)


def _single(value: torch.Tensor) -> torch.Tensor:
    """Weights may be stored in half precision to keep a download small; they run in single."""
    return value.float() if value.dtype in (torch.float16, torch.bfloat16) else value


def _load_body(path: Path) -> Body:
    try:
        return Body.from_arrays(read_npz(path, MAX_BODY_BYTES))
    except (OSError, ValueError) as error:
        raise ActorError(f"{path} cannot be read as a body: {error}; add the actor anew.") from error


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:2])
