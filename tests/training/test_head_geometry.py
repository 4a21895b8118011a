"""The head that is cut out of an avatar."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from a2p_backend.actors.registry import packaged_actors
from a2p_backend.avatar.trained.decoder import load_decoder
from a2p_backend.training.head_geometry import write_head
from kinematics.errors import A2PError
from kinematics.face_mesh import read_face_mesh


@pytest.fixture(scope="module")
def decoder():
    return load_decoder(packaged_actors() / "default" / "avatar")


def test_the_head_and_its_neck_are_cut_out_with_their_skin(decoder, tmp_path):
    write_head(decoder, tmp_path / "head.npz")
    head = read_face_mesh(tmp_path / "head.npz")
    assert head.names == decoder.expressions
    assert {"b_neck0", "b_head", "b_l_eye", "b_r_eye"} <= set(head.joints)
    np.testing.assert_allclose(head.weights.sum(axis=1), 1.0, atol=1e-5)
    # Where the avatar has its highest vertex, metres in Blender's axes, the head has it, too.
    top = decoder.vertices[decoder.vertices[:, 2].argmax()]
    np.testing.assert_allclose(
        head.vertices[head.vertices[:, 1].argmax()], 100 * top[[0, 2, 1]] * (1, 1, -1), atol=1e-3
    )
    carried = head.weights @ np.array(
        ["neck" in name or "head" in name or "eye" in name for name in head.joints]
    )
    assert carried.min() == pytest.approx(0.5, abs=0.02)
    # The neck ends in one line, along which everything is half the neck's.
    sides = np.sort(head.faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    sides, counts = np.unique(sides, axis=0, return_counts=True)
    edge = np.unique(sides[counts == 1])
    assert counts.max() == 2
    assert len(edge) > 20
    np.testing.assert_allclose(carried[edge], 0.5, atol=0.02)
    a, b, c = head.uvs[head.uv_faces].swapaxes(0, 1).astype(float)
    assert ((b - a)[:, 0] * (c - a)[:, 1] - (b - a)[:, 1] * (c - a)[:, 0] > 0).mean() > 0.995
    assert head.vertices[: head.skin_vertices].min(axis=0)[1] == head.vertices.min(axis=0)[1]


def test_an_avatar_without_a_head(decoder, tmp_path):
    nameless = replace(decoder, bones=tuple(f"bone {index}" for index in range(len(decoder.bones))))
    with pytest.raises(A2PError, match="no bone with `head`"):
        write_head(nameless, tmp_path / "head.npz")
    assert not (tmp_path / "head.npz").exists()
