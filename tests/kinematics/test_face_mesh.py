"""The default actor's head as geometry."""

from __future__ import annotations

import numpy as np
import pytest

from kinematics.body import load_default_body
from kinematics.face_codes import FACE_CODE_NAMES
from kinematics.face_mesh import FaceMeshError, load_default_face_mesh, read_face_mesh
from kinematics.skinning import joint_matrices


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
    """In front of the pupils there is an eyeball when the eyes are open, and skin when they are shut."""
    assert not _skin_before_the_pupils(head, codes()).any()
    assert _skin_before_the_pupils(head, codes(blink=1.0)).all()


def _skin_before_the_pupils(head, face):
    points = head.shaped(face)[0].astype(float)
    triangles = points[head.faces]
    found = []
    for side in (1.0, -1.0):
        a, b, c = (triangles[:, corner, :2] - (side * 3.2, 164.05) for corner in range(3))
        signs = np.stack([np.cross(a, b), np.cross(b, c), np.cross(c, a)])
        hit = (signs > 0).all(axis=0) | (signs < 0).all(axis=0)
        nearest = np.flatnonzero(hit)[np.argmax(triangles[hit].mean(axis=1)[:, 2])]
        found.append(head.faces[nearest].max() < head.skin_vertices)
    return np.array(found)


def test_the_necks_edge_bends_with_the_neck(head):
    """The lowest vertices go where the neck's skin goes, the face where the head goes."""
    body = load_default_body()
    pose = np.zeros((1, 104))
    pose[0, 12:16] = 0.3
    posed = head.posed(body, pose, codes())[0]
    moves = joint_matrices(body.global_states(pose), body.bind_states())[0]
    rigid = {
        name: head.vertices @ moves[body.skeleton.index(name)][:, :3].T + moves[body.skeleton.index(name)][:, 3]
        for name in ("b_neck0", "b_head")
    }
    face = (head.vertices[:, 2] > 9.0) & (head.vertices[:, 1] > 158.0)
    np.testing.assert_allclose(posed[face], rigid["b_head"][face], atol=0.05)
    edge = head.vertices[:, 1] < head.vertices[:, 1].min() + 0.3
    apart = np.linalg.norm(rigid["b_neck0"] - rigid["b_head"], axis=1)[edge]
    from_head = np.linalg.norm(posed - rigid["b_head"], axis=1)[edge]
    assert apart.min() > 0.1
    assert (from_head / apart).mean() > 0.3
    np.testing.assert_allclose(head.weights.sum(axis=1), 1.0, atol=1e-5)


def test_a_damaged_file(tmp_path):
    path = tmp_path / "head.npz"
    path.write_bytes(b"nothing")
    with pytest.raises(FaceMeshError, match="install a2p again"):
        read_face_mesh(path)
