"""Who draws an actor: the codec avatar that it came with, one that was trained, or else its own mesh."""

from __future__ import annotations

from pathlib import Path

import torch

from a2p_backend.actors.actor import load_actor_body
from a2p_backend.actors.manifest import AVATAR_FOLDER, ActorManifest
from a2p_backend.avatar.codec.portrait import CodecPortrait
from a2p_backend.avatar.codec.storage import load_avatar as read_stored
from a2p_backend.avatar.portrait import Avatar, FigureAvatar
from a2p_backend.avatar.trained.decoder import load_decoder
from a2p_backend.avatar.trained.portrait import TrainedPortrait


def load_avatar(folder: Path, device: torch.device) -> Avatar:
    """The avatar of the actor in a folder, whose networks of motion are not needed for it.

    Raises:
        A2PError: the actor's files are missing or damaged, or it has nothing that can be seen.
    """
    manifest = ActorManifest.read(folder)
    body = load_actor_body(folder, manifest)
    if manifest.avatar == "codec":
        return CodecPortrait(read_stored(folder / AVATAR_FOLDER, body), device)
    if manifest.avatar == "trained":
        return TrainedPortrait(load_decoder(folder / AVATAR_FOLDER), body, manifest.face_codes)
    return FigureAvatar(body, manifest.face_codes)
