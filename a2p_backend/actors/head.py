"""Whose head an actor has: the codec avatar's that it came with, or the default actor's."""

from __future__ import annotations

from pathlib import Path

import torch

from a2p_backend.actors.actor import load_actor_body
from a2p_backend.actors.manifest import AVATAR_FOLDER, ActorManifest
from a2p_backend.avatar.codec.head import CodecHead
from a2p_backend.avatar.codec.storage import load_avatar
from a2p_backend.avatar.head import DefaultHead, Head
from kinematics.errors import A2PError
from kinematics.face_codes import FACE_CODE_NAMES


def load_head(folder: Path, device: torch.device) -> Head:
    """The head of the actor in a folder.

    Raises:
        A2PError: the actor's files are missing or damaged, or its head is not known as geometry.
    """
    manifest = ActorManifest.read(folder)
    if manifest.avatar == "codec":
        body = load_actor_body(folder, manifest)
        return CodecHead(load_avatar(folder / AVATAR_FOLDER, body), device)
    if manifest.face_codes == FACE_CODE_NAMES:
        return DefaultHead()
    raise A2PError(
        f"The head of {manifest.name} is not known as geometry: add the actor with its codec avatar, or take"
        " one whose expression codes are the default actor's."
    )
