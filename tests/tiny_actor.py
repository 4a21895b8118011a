"""An actor small enough to build in a blink: the real stack, random weights, the default body."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from a2p_backend.actors.actor import save_network
from a2p_backend.actors.manifest import ActorManifest, NetworkName
from a2p_backend.actors.statistics import Statistics
from a2p_backend.audio.features import build_features
from a2p_backend.motion.film_transformer import FiLMConfig, FiLMTransformer
from a2p_backend.motion.guide_transformer import GuideConfig, GuideTransformer
from a2p_backend.motion.vq_codec import CodecConfig, VQCodec

FEATURES = {"kind": "log_mel"}
ALL_NETWORKS: tuple[NetworkName, ...] = ("face", "guide", "codec", "body")


def write_tiny_actor(folder: Path, networks: tuple[NetworkName, ...] = ALL_NETWORKS) -> Path:
    """Writes an actor's folder with the asked-for networks and returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    heard = build_features(FEATURES).width
    film = {
        "width": 16,
        "layers": 1,
        "heads": 2,
        "feed_forward": 32,
        "audio_width": heard,
        "max_audio_steps": 600,
    }
    body = FiLMConfig(104, guide_features=104, **film)
    face = FiLMConfig(256, **film)
    codec = CodecConfig(width=8, codes=16, depth=2)
    guide = GuideConfig(
        codes=16,
        depth=2,
        width=16,
        layers=1,
        heads=2,
        feed_forward=32,
        audio_width=heard,
        audio_channels=16,
        audio_layers=1,
    )
    built = {
        "face": (FiLMTransformer(face), face),
        "body": (FiLMTransformer(body), body),
        "codec": (VQCodec(codec), codec),
        "guide": (GuideTransformer(guide), guide),
    }
    with torch.no_grad():
        for codebook in built["codec"][0].quantizer.codebooks:
            codebook.embed.normal_()
            codebook.inited.fill_(1)
    statistics = Statistics(
        np.zeros(104), np.ones(104), np.zeros(256), np.ones(256), np.zeros(2), np.array(0.1)
    )
    statistics.save(folder / "statistics.safetensors")
    ActorManifest(
        name="tiny",
        features=FEATURES,
        networks={name: save_network(folder, name, *built[name]) for name in networks},
    ).write(folder)
    return folder


def write_tone(path: Path, seconds: float, channels: int = 1, rate: int = 16000) -> Path:
    """Writes a recording of a pulsing tone, loud in half of every half second, as a 16-bit WAV file."""
    import soundfile

    time = np.arange(round(seconds * rate)) / rate
    tone = 0.3 * np.sin(2 * np.pi * 140 * time) * (np.sin(2 * np.pi * 2 * time) > 0)
    soundfile.write(path, np.repeat(tone[:, None], channels, axis=1), rate, subtype="PCM_16")
    return path


def write_conversation(path: Path, seconds: float = 4, rate: int = 16000) -> Path:
    """Writes a recording of two tones that take turns, one on each side, as a 16-bit WAV file."""
    import soundfile

    time = np.arange(round(seconds * rate)) / rate
    left = 0.3 * np.sin(2 * np.pi * 140 * time) * (time % 2 < 1)
    right = 0.1 * np.sin(2 * np.pi * 220 * time) * (time % 2 >= 1)
    soundfile.write(path, np.stack([left, right], axis=1), rate, subtype="PCM_16")
    return path
