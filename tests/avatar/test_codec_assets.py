"""An actor's assets and config are looked at before they are used."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from a2p_backend.avatar.codec.assets import AvatarAssets
from a2p_backend.avatar.codec.config import AvatarConfig, AvatarError
from tests.conformance.avatar_actor import CONFIG, released_assets
from tests.conformance.goldens import DEFAULT_FOLDER


@pytest.fixture(scope="module")
def released() -> dict:
    return released_assets(DEFAULT_FOLDER / "avatar")


def load(released: dict) -> AvatarAssets:
    return AvatarAssets.from_released("someone", released, CONFIG)


def test_optional_deviation(released):
    without = {key: value for key, value in released.items() if key != "tex_var"}
    assert load(without).tex_std == 64.0
    assert load(released).tex_std == pytest.approx(48.5)


def test_what_is_missing(released):
    with pytest.raises(AvatarError, match=r"assets of someone have no seam_data_2048\.dst_ij"):
        load({key: value for key, value in released.items() if key != "seam_data_2048"})


def test_what_does_not_fit(released):
    other = copy.copy(released)
    other["lbs_template_verts"] = released["lbs_template_verts"][:-1]
    with pytest.raises(AvatarError, match=r"topology\.v(i|2uv)"):
        load(other)
    other = released | {"pose_cond_mask": np.ones((98, 32, 32))}
    with pytest.raises(AvatarError, match=r"pose_cond_mask .* \(98, 32, 32\), where \(98, 64, 64\)"):
        load(other)


def test_config_of_a_released_actor():
    config = AvatarConfig.from_released(
        {
            "decoder": {"uv_size": 1024, "n_pose_dims": 98},
            "renderer": {"image_height": 2048, "image_width": 1334, "depth_disc_ksize": 3},
            "pose_to_shadow": {"n_pose_dims": 104, "uv_size": 2048, "beta": 0.5},
        }
    )
    assert config == AvatarConfig(pose_to_shadow=True, pose_shadow_beta=0.5)
    with pytest.raises(AvatarError, match=r"config cannot be used"):
        AvatarConfig.from_released({"decoder": {"uv_size": "wide"}})
    with pytest.raises(AvatarError, match=r"sizes do not fit"):
        AvatarConfig.from_released({"decoder": {"uv_size": 512}})
