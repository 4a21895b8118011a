"""Makes an actor's codec avatar of its released files: assets, checkpoint, config and render defaults."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from a2p_backend.actors.manifest import ActorError
from a2p_backend.actors.released_tensors import as_numpy, naming, part_of, state_of
from a2p_backend.actors.restricted_pickle import StoredTensor, open_checkpoint
from a2p_backend.avatar.codec.assets import AvatarAssets
from a2p_backend.avatar.codec.config import AvatarConfig, AvatarError
from a2p_backend.avatar.codec.model import CodecAvatar
from a2p_backend.avatar.codec.storage import ReleasedViews, save_avatar
from kinematics.files import read_text

_MAX_CONFIG_BYTES = 1 << 20
_TEMPLATE = "lbs_fn.lbs_template_verts"
_SAME_TEMPLATE_CM = 1e-3


def convert_avatar(
    name: str,
    folder: Path,
    *,
    assets: Path,
    checkpoint: Path,
    config: Path,
    defaults: Path | None,
    inert: tuple[str, ...] = (),
) -> None:
    """Writes the avatar into a new folder; see `codec.storage`. What the atlas lacks is computed here.

    Args:
        defaults: render_defaults_NAME.pth, with the released cameras.
        inert: see `open_checkpoint`.

    Raises:
        A2PError: a file is damaged, missing something, or of another person than the others.
    """
    sizes = read_config(config)
    with open_checkpoint(assets, inert) as content:
        if not isinstance(content, Mapping):
            raise ActorError(f"{assets} is not the released file: it holds no assets; get it again.")
        with naming(assets):
            actor = AvatarAssets.from_released(name, as_numpy(content), sizes)
    views = ReleasedViews(())
    if defaults is not None:
        with open_checkpoint(defaults, inert) as content, naming(defaults):
            wanted = {key: as_numpy(part_of(content, key, defaults)) for key in ("K", "Rt")}
            views = ReleasedViews.from_released(name, {**wanted, "ao": as_numpy(content.get("ao"))}, sizes)
    if not sizes.pose_to_shadow and views.ao is None:
        raise AvatarError(
            f"The avatar takes its light from ambient occlusion, which is in render_defaults_{name}.pth:"
            f" put that file beside {checkpoint}."
        )
    with open_checkpoint(checkpoint, inert) as content:
        stored = state_of(part_of(content, "model", checkpoint), checkpoint)
        _check_person(stored, actor, checkpoint, assets)
        with naming(checkpoint, config):
            state = {key: _single(value.read()) for key, value in stored.items()}
            avatar = CodecAvatar.from_assets(sizes, actor, state, complete=True)
    folder.mkdir()
    save_avatar(folder, avatar, views)


def read_config(path: Path) -> AvatarConfig:
    """The sizes in a config.yml. Raises A2PError where it is none."""
    try:
        content = yaml.safe_load(read_text(path, _MAX_CONFIG_BYTES))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise ActorError(f"{path} cannot be read as a config; get the file again.") from error
    model = content.get("model") if isinstance(content, dict) else None
    if not isinstance(model, dict):
        raise ActorError(f"{path} is not the released config: it has no `model`; get the file again.")
    with naming(path):
        return AvatarConfig.from_released(model)


def _check_person(
    stored: Mapping[str, StoredTensor], actor: AvatarAssets, checkpoint: Path, assets: Path
) -> None:
    """A checkpoint remembers the shape of the person that it was trained on."""
    if _TEMPLATE not in stored:
        return
    template = stored[_TEMPLATE].read().to(torch.float32)
    if template.shape != actor.template.shape or not np.allclose(
        template, actor.template, atol=_SAME_TEMPLATE_CM
    ):
        raise AvatarError(
            f"{checkpoint} was trained on another person than {assets} is of: use the files of one actor."
        )


def _single(value: Any) -> Any:
    return value.float() if value.is_floating_point() else value
