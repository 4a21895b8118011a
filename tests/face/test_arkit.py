"""What each of ARKit's shapes does to a head."""

from __future__ import annotations

import numpy as np
import pytest

from kinematics.face.arkit import arkit_displacements
from kinematics.face.landmarks import find_landmarks
from kinematics.face.motion import default_head
from kinematics.face.pieces import is_ball, pieces
from kinematics.face.shapes import ARKIT_SHAPES
from kinematics.face_mesh import load_default_face_mesh
from tests.face.heads import EYES, small_face


@pytest.fixture(scope="module")
def small():
    vertices, faces = small_face()
    marks = find_landmarks(vertices, faces, EYES)
    return vertices, dict(zip(ARKIT_SHAPES, arkit_displacements(vertices, faces, marks), strict=True))


@pytest.fixture(scope="module")
def default():
    mesh = load_default_face_mesh()
    return mesh, dict(zip(ARKIT_SHAPES, default_head().shapes, strict=True))


def near(vertices, x, y, reach=0.8):
    return np.hypot(vertices[:, 0] - x, vertices[:, 1] - y) < reach


def test_each_moves_its_part_and_looks_need_eyeballs(small):
    vertices, moves = small
    still = {name for name, move in moves.items() if not move.any()}
    assert still == {name for name in ARKIT_SHAPES if name.startswith("eyeLook")} | {"tongueOut"}
    assert moves["jawOpen"][near(vertices, 0, -9.6), 1].max() < -2.0
    assert moves["mouthSmileLeft"][near(vertices, 2.5, -6.7), 1].min() > 0.4
    assert moves["browInnerUp"][near(vertices, 0, 2.4, 0.4), 1].min() > 0.6
    assert moves["browDownRight"][near(vertices, -1.4, 2.3), 1].max() < -0.2
    assert np.abs(moves["cheekPuff"][near(vertices, 4, -6, 0.5), 0]).min() > 0.4
    for name, move in moves.items():
        assert np.linalg.norm(move, axis=1).max() < 5.0, name


@pytest.mark.parametrize("name", [name for name in ARKIT_SHAPES if name.endswith("Left")])
def test_left_and_right_are_mirror_images(small, name):
    vertices, moves = small
    rows = vertices.reshape(70, 43, 3)[:, ::-1].reshape(-1, 3)
    np.testing.assert_allclose(rows * (-1, 1, 1), vertices, atol=1e-9)
    mirrored = moves[name].reshape(70, 43, 3)[:, ::-1].reshape(-1, 3) * (-1, 1, 1)
    twin = moves[name.replace("Left", "Right")]
    np.testing.assert_allclose(mirrored, twin, atol=1e-3 * np.abs(twin).max() + 1e-12)


def test_closed_lips_part_though_they_touch(default):
    """Between the middles of the lips there is room when the jaw is open: no vertex is left hanging there."""
    mesh, moves = default
    x, y, z = mesh.vertices.T
    lips = (
        (np.abs(x) < 1.0) & (np.abs(y - 157.3) < 0.6) & (z > 11.0) & (np.arange(len(y)) < mesh.skin_vertices)
    )
    down = -moves["jawOpen"][lips, 1]
    assert ((down < 0.4) | (down > 2.4)).mean() > 0.95
    assert (down < 0.4).sum() > 20
    assert (down > 2.4).sum() > 20


def test_a_closed_mouth_on_an_open_jaw_is_nearly_closed(default):
    mesh, moves = default
    x, y, z = mesh.vertices.T
    lips = (
        (np.abs(x) < 0.4) & (np.abs(y - 157.3) < 0.4) & (z > 11.8) & (np.arange(len(y)) < mesh.skin_vertices)
    )
    opened, shut = moves["jawOpen"][lips, 1], (moves["jawOpen"] + moves["mouthClose"])[lips, 1]
    assert np.ptp(opened) > 3.0
    assert np.ptp(shut) < 0.25 * np.ptp(opened)


def test_eyeballs_turn_to_where_they_look_and_teeth_follow_the_jaw(default):
    mesh, moves = default
    everything = pieces(mesh.faces, np.ones(len(mesh.vertices), bool))
    balls = [piece for piece in everything if is_ball(mesh.vertices[piece])]
    left, right = sorted(balls, key=lambda piece: -mesh.vertices[piece, 0].mean())
    pupil = left[np.argsort(mesh.vertices[left, 2])[-8:]]
    assert moves["eyeLookOutLeft"][pupil, 0].min() > 0.4
    assert moves["eyeLookInLeft"][pupil, 0].max() < -0.4
    assert moves["eyeLookDownLeft"][pupil, 1].max() < -0.4
    assert moves["eyeLookUpLeft"][pupil, 1].min() > 0.4
    assert not moves["eyeLookUpRight"][pupil].any()
    assert moves["eyeLookUpRight"][right].any()
    in_mouth = [piece for piece in everything if len(piece) < 1000 and mesh.vertices[piece, 1].mean() < 160.0]
    upper, lower, tongue = sorted(in_mouth, key=lambda piece: -mesh.vertices[piece, 1].mean())
    assert not moves["jawOpen"][upper].any()
    assert moves["jawOpen"][lower, 1].max() < -1.0
    assert moves["jawOpen"][tongue, 1].max() < -0.5
    assert np.linalg.norm(moves["tongueOut"][tongue], axis=1).max() > 3.0


def test_lids_that_are_pieces_of_their_own_shut_over_the_eyeball():
    vertices, faces = small_face()
    marks = find_landmarks(vertices, faces, EYES)
    elevation, x = (axis.ravel() for axis in np.meshgrid(np.linspace(0.37, 1.3, 6), np.linspace(-1, 1, 9)))
    radius = np.sqrt(1.7**2 - x**2)
    shell = EYES[0] + np.stack([x, radius * np.sin(elevation), radius * np.cos(elevation)], axis=1)
    strip = np.arange(len(shell))
    joined = len(vertices) + np.stack([strip[:-2], strip[1:-1], strip[2:]], axis=1)
    skin = np.arange(len(vertices) + len(shell)) < len(vertices)
    moves = arkit_displacements(
        np.concatenate([vertices, shell]), np.concatenate([faces, joined]), marks, skin
    )[:, len(vertices) :]
    moved = {name for name, move in zip(ARKIT_SHAPES, moves, strict=True) if move.any()}
    assert moved == {"eyeBlinkLeft", "eyeWideLeft"}, "it looks nowhere: there is no eyeball"
    shut = shell + moves[ARKIT_SHAPES.index("eyeBlinkLeft")]
    edge, far = (elevation < 0.4) & (np.abs(x) < 0.1), elevation > 1.2
    assert shut[edge, 1].max() < -0.3
    np.testing.assert_allclose(shut[far], shell[far], atol=0.05)
