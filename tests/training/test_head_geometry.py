"""The head that is cut out of an avatar."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from a2p_backend.actors.registry import packaged_actors
from a2p_backend.avatar.trained.decoder import load_decoder
from a2p_backend.training.head_geometry import write_head
from kinematics.errors import A2PError
from kinematics.face_mesh import load_default_face_mesh, read_face_mesh


@pytest.fixture(scope="module")
def decoder():
    return load_decoder(packaged_actors() / "default" / "avatar")


def test_the_head_that_comes_with_the_package_is_the_default_avatars(decoder, tmp_path):
    write_head(decoder, tmp_path / "head.npz")
    written, packaged = read_face_mesh(tmp_path / "head.npz"), load_default_face_mesh()
    for name in ("vertices", "faces", "moves", "weights"):
        np.testing.assert_array_equal(getattr(written, name), getattr(packaged, name))
    assert written.joints == packaged.joints
    np.testing.assert_allclose(written.weights.sum(axis=1), 1.0, atol=1e-5)


def test_an_avatar_without_a_head(decoder, tmp_path):
    nameless = replace(decoder, bones=tuple(f"bone {index}" for index in range(len(decoder.bones))))
    with pytest.raises(A2PError, match="no bone with `head`"):
        write_head(nameless, tmp_path / "head.npz")
    assert not (tmp_path / "head.npz").exists()
