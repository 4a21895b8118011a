"""Where a face's parts are found on a mesh."""

from __future__ import annotations

import numpy as np
import pytest

from kinematics.actors.default.skin import head as sculpture
from kinematics.face.landmarks import FaceGeometryError, find_landmarks, guessed_eyes
from kinematics.face_mesh import load_default_face_mesh
from tests.face.heads import EYES, small_face, subdivided


@pytest.fixture(scope="module")
def default():
    mesh = load_default_face_mesh()
    eyes = np.array([sculpture.EYE, sculpture.EYE * (-1, 1, 1)])
    faces = mesh.faces[(mesh.faces < mesh.skin_vertices).all(axis=1)]
    return mesh.vertices.astype(float), faces, eyes


def test_on_the_default_head_they_are_where_it_was_sculpted(default):
    marks = find_landmarks(*default)
    mouth = marks.mouth * marks.unit + marks.centre
    assert abs(mouth[1] - sculpture.lip_line(np.zeros(1))[0]) < 0.2
    corner = marks.mouth[1] + marks.bow + marks.centre[1]
    assert abs(corner - sculpture.lip_line(np.full(1, sculpture.MOUTH_WIDTH))[0]) < 0.2
    assert abs((marks.nose + marks.centre)[1] - 160.35) < 0.3
    assert abs((marks.chin + marks.centre)[1] - 154.5) < 0.6


def test_they_do_not_depend_on_vertices_units_or_stance(default):
    vertices, faces, eyes = default
    marks = find_landmarks(vertices, faces, eyes)
    turn = np.array([[0.6, 0.0, 0.8], [0.0, 1.0, 0.0], [-0.8, 0.0, 0.6]])
    finer, fine_faces = subdivided(vertices, faces)
    other = find_landmarks(0.01 * finer @ turn.T + 3.0, fine_faces, 0.01 * eyes @ turn.T + 3.0)
    assert other.unit == pytest.approx(0.01 * marks.unit)
    for name in ("mouth", "chin", "nose"):
        np.testing.assert_allclose(getattr(other, name), getattr(marks, name), atol=0.05)
    np.testing.assert_allclose(
        other.to_face(0.01 * vertices @ turn.T + 3.0), marks.to_face(vertices), atol=1e-6
    )


def test_eyes_that_no_joint_tells_are_guessed_from_the_nose(default):
    vertices, faces, eyes = default
    guessed = guessed_eyes(vertices)
    assert np.abs(guessed - eyes).max() < 1.0
    found, known = (find_landmarks(vertices, faces, one) for one in (guessed, eyes))
    for name in ("mouth", "chin", "nose"):
        apart = (getattr(found, name) + found.centre) - (getattr(known, name) + known.centre)
        assert np.linalg.norm(apart) < 0.2, name
    with pytest.raises(FaceGeometryError, match="no skin in its middle"):
        guessed_eyes(np.array([(-9.0, 0.0, 0.0), (9.0, 0.0, 0.0)]))


def test_a_mouth_without_a_slit_is_found_by_its_dip():
    vertices, faces = small_face()
    marks = find_landmarks(vertices, faces, EYES)
    assert marks.mouth[1] == pytest.approx(-6.8, abs=0.15)
    assert marks.nose[1] == pytest.approx(-3.7, abs=0.15)
    assert marks.chin[1] == pytest.approx(-9.6, abs=0.3)


def test_where_there_is_no_face(default):
    vertices, faces = small_face()
    with pytest.raises(FaceGeometryError, match="no face before"):
        find_landmarks(vertices - (0, 0, 20), faces, EYES)
    with pytest.raises(FaceGeometryError, match="no skin between"):
        find_landmarks(vertices, faces, EYES + np.array([50.0, 0.0, 0.0]))
    with pytest.raises(FaceGeometryError, match="in one place"):
        find_landmarks(vertices, faces, np.zeros((2, 3)))
