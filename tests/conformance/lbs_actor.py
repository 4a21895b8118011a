"""The actors of the skinning goldens: the artificial one of `avatar/`, or one that a folder brings along."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kinematics.body import Body, body_from_legacy
from kinematics.parameters import transform_from_text
from kinematics.skeleton import skeleton_from_legacy

from .goldens import DEFAULT_FOLDER, Golden, read_npz


@dataclass(frozen=True)
class LbsActor:
    """A body with what turns it into camera units.

    template: (V, 3) centimetres, in the bind pose. global_scaling: () or (3,), camera units a centimetre.
    """

    body: Body
    template: np.ndarray
    global_scaling: np.ndarray


def description_of(golden: Golden) -> Mapping[str, Any]:
    """The .json of the actor that a golden was made with."""
    return json.loads(_actor_file(golden, ".json", "actor.json").read_text(encoding="utf-8"))


def load_lbs_actor(golden: Golden) -> LbsActor:
    """The actor of a golden: that of `NAME.json` beside `NAME.npz`, else the artificial one."""
    description = description_of(golden)
    own = golden.path.with_suffix(".json").exists()
    arrays = golden.arrays if own else read_npz(_actor_file(golden, None, "actor_assets.npz"))
    pieces = {**description, **arrays}
    scales = np.asarray(pieces["lbs_scale"])
    body = body_from_legacy(golden.path.stem, _lbs_model(pieces), _lbs_config(pieces, len(scales)), scales)
    return LbsActor(
        body=body,
        template=np.asarray(pieces.get("lbs_template_verts", body.mesh.vertices), np.float64),
        global_scaling=np.asarray(pieces.get("global_scaling", 1.0), np.float64),
    )


def _lbs_model(pieces: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a released actor's `lbs_model_json` holds, put together from the pieces that skinning needs."""
    if "SkinnedModel" in pieces:
        return pieces
    rest = np.asarray(pieces["rest_positions"])
    return {
        "Skeleton": {"Bones": pieces["bones"]},
        "SkinnedModel": {
            "RestPositions": rest,
            "RestVertexNormals": pieces.get("rest_normals", np.zeros_like(rest)),
            "TextureCoordinates": [],
            "Faces": {"Indices": pieces.get("vi", [])},
            "SkinningWeights": np.stack([pieces["skin_joint_pairs"], pieces["skin_weights_pairs"]], axis=1),
            "SkinningOffsets": pieces["skin_offsets"],
        },
    }


def _lbs_config(pieces: Mapping[str, Any], scale_count: int) -> Mapping[str, Any]:
    """What its `lbs_config_dict` holds; parsed from the parameter text where the matrix is not there."""
    if "transform" in pieces:
        transform = np.asarray(pieces["transform"])
        offsets = pieces.get("transform_offsets", np.zeros(len(transform)))
    else:
        skeleton = skeleton_from_legacy({"Bones": pieces["bones"]})
        parsed = transform_from_text(pieces["momentum_cfg"], skeleton, "momentum_cfg", skip_unknown=True)
        transform, offsets = parsed.matrix, parsed.offsets
    return {
        "transform": transform,
        "transform_offsets": offsets,
        "nr_position_params": transform.shape[1] - scale_count,
        "nr_scaling_params": scale_count,
    }


def _actor_file(golden: Golden, own_suffix: str | None, shared_name: str) -> Path:
    if own_suffix and golden.path.with_suffix(own_suffix).exists():
        return golden.path.with_suffix(own_suffix)
    beside = golden.path.with_name(shared_name)
    return beside if beside.exists() else DEFAULT_FOLDER / "avatar" / shared_name
