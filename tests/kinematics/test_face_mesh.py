"""The default actor's head as geometry."""

from __future__ import annotations

import numpy as np
import pytest

from kinematics.actors.default.skin.head import EYE, EYE_RADIUS
from kinematics.face_codes import FACE_CODE_NAMES
from kinematics.face_mesh import FaceMeshError, load_default_face_mesh, read_face_mesh


@pytest.fixture(scope="module")
def head():
    return load_default_face_mesh()


def codes(**values):
    face = np.zeros((1, 256), np.float32)
    for name, value in values.items():
        face[0, FACE_CODE_NAMES.index(name)] = value
    return face


def move(head, **values):
    return head.shaped(codes(**values))[0] - head.vertices


def test_it_has_the_actors_codes(head):
    assert head.names == FACE_CODE_NAMES
    np.testing.assert_array_equal(head.shaped(codes())[0], head.vertices)


@pytest.mark.parametrize("name", FACE_CODE_NAMES)
def test_every_code_shows_and_leaves_the_back_of_the_head_alone(head, name):
    distance = np.linalg.norm(move(head, **{name: 1.0}), axis=1)
    assert 0.4 < distance.max() < 4.0
    assert distance[head.vertices[:, 2] < 0.5].max() < 1e-3
    sides = np.sign(head.vertices[:, 0]) * distance
    assert abs(sides.sum()) < 0.1 * distance.sum()


def test_codes_mean_what_they_are_called(head):
    x, y, z = head.vertices.T
    chin = (y < 155.0) & (z > 9.0) & (np.arange(len(y)) < head.skin_vertices)
    assert move(head, jaw_open=1.0)[chin, 1].max() < -0.8
    forehead = (y > 166.0) & (y < 167.5) & (z > 9.5) & (np.abs(x) < 4.0)
    assert move(head, brows_up=1.0)[forehead, 1].min() > 0.3
    corner = (np.abs(np.abs(x) - 2.4) < 0.4) & (np.abs(y - 157.4) < 0.4) & (z > 9.5)
    outward = np.sign(x[corner])
    assert (outward * move(head, lips_wide=1.0)[corner, 0]).min() > 0.2
    assert (outward * move(head, lips_round=1.0)[corner, 0]).max() < -0.2
    assert move(head, smile=1.0)[corner, 1].min() > 0.2


def test_a_blink_covers_the_eyes(head):
    """In front of the pupils there is an eyeball when the eyes are open, and a lid when they are shut."""
    assert _before_the_pupils(head, codes()).max() < EYE_RADIUS + 0.02
    assert _before_the_pupils(head, codes(blink=1.0)).min() > EYE_RADIUS + 0.05
    assert _before_the_pupils(head, codes(blink=0.5)).min() > EYE_RADIUS - 0.02


def _before_the_pupils(head, face):
    """(2,) how far from the eyes' middles the foremost surface is, before them."""
    points = head.shaped(face)[0].astype(float)
    triangles = points[head.faces]
    found = []
    for side in (1.0, -1.0):
        eye = EYE * (side, 1.0, 1.0)
        a, b, c = (triangles[:, corner, :2] - eye[:2] - 0.02 for corner in range(3))
        areas = np.stack([p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0] for p, q in ((b, c), (c, a), (a, b))])
        hit = (areas > 0).all(axis=0) | (areas < 0).all(axis=0)
        depth = np.einsum("kf,fk->f", areas[:, hit] / areas[:, hit].sum(axis=0), triangles[hit][..., 2])
        found.append(depth.max() - eye[2])
    return np.array(found)


def test_a_damaged_file(tmp_path):
    path = tmp_path / "head.npz"
    path.write_bytes(b"nothing")
    with pytest.raises(FaceMeshError, match="install a2p again"):
        read_face_mesh(path)
