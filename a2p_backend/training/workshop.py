"""An actor's folder while its networks are trained one after another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from a2p_backend.actors.actor import load_actor, save_network
from a2p_backend.actors.manifest import MANIFEST_NAME, ActorManifest, NetworkName
from a2p_backend.actors.statistics import Statistics
from a2p_backend.motion.vq_codec import VQCodec
from a2p_backend.training.corpus import Corpus
from a2p_backend.training.loop import TrainingError

WORKSPACE = "training"
"""Folder of checkpoints and logs inside the actor's; an actor performs without it."""


def add_network(folder: Path, corpus: Corpus, name: NetworkName, network: nn.Module, config: Any) -> None:
    """Puts a trained network into an actor's folder; the first one brings the manifest and the statistics."""
    folder.mkdir(parents=True, exist_ok=True)
    entry = save_network(folder, name, network, config)
    if (folder / MANIFEST_NAME).exists():
        manifest = ActorManifest.read(folder)
    else:
        manifest = ActorManifest(name=folder.name, features=dict(corpus.features_config), networks={})
    corpus.statistics.save(folder / manifest.statistics)
    manifest.model_copy(update={"networks": {**manifest.networks, name: entry}}).write(folder)


def settled_statistics(out: Path) -> Statistics | None:
    """The statistics that the networks in an actor's folder were trained with, and further ones must be, on
    whatever recordings; None before the first network.
    """
    if not (out / MANIFEST_NAME).exists():
        return None
    return Statistics.load(out / ActorManifest.read(out).statistics)


def trained_codec(out: Path) -> VQCodec:
    """The codec of an actor's folder. Raises TrainingError where it has not been trained."""
    codec = load_actor(out, torch.device("cpu")).codec
    if codec is None:
        raise TrainingError(f"{out} has no codec yet; train the codec first.")
    return codec
