"""The default actor's clothes and face."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from a2p_backend.avatar.face_mask import FaceMask
from a2p_backend.avatar.figure import Figure, FigureError
from kinematics.face_codes import FACE_CODE_NAMES


def codes(**values):
    face = np.zeros((1, 256), np.float32)
    for name, value in values.items():
        face[0, FACE_CODE_NAMES.index(name)] = value
    return face


def moved(**values):
    """How far each vertex of the head goes, (V, 3) centimetres, and where it rests."""
    mask = FaceMask()
    rest = mask.shape(codes())[0]
    return mask.shape(codes(**values))[0] - rest, rest


@pytest.mark.parametrize("name", FACE_CODE_NAMES)
def test_every_code_shows_and_leaves_the_back_of_the_head_alone(name):
    offset, rest = moved(**{name: 1.0})
    distance = np.linalg.norm(offset, axis=1)
    assert 0.3 < distance.max() < 4.0
    assert distance[rest[:, 2] < 2.0].max(initial=0.0) < 1e-5
    # Left and right move alike.
    assert abs((distance * np.sign(rest[:, 0])).sum()) < 0.02 * distance.sum()


def test_codes_mean_what_they_are_called():
    offset, rest = moved(jaw_open=1.0)
    chin = (rest[:, 1] < 158.0) & (rest[:, 2] > 9.0)
    assert offset[chin, 1].max() < -1.5
    assert moved(brows_up=1.0)[0][:, 1].min() >= 0
    assert moved(blink=1.0)[0][:, 1].max() <= 1e-5
    width = [np.ptp((rest + offset)[FaceMask().gloss == np.float32(0.45), 0]) for offset, rest in
             (moved(lips_round=1.0), moved(), moved(lips_wide=1.0))]  # fmt: skip
    assert width[0] < width[1] - 0.5
    assert width[2] > width[1] + 0.5


def test_the_head_follows_the_neck(body):
    figure = Figure(body, FACE_CODE_NAMES)
    pose = np.zeros((2, 104), np.float32)
    pose[1, 12] = 0.5  # neck_rx, to the figure's left, which is +X in Blender's world
    straight, turned = figure.posed(pose, np.zeros((2, 256), np.float32))
    nose = np.argmin(straight[:, 1] + 10 * (straight[:, 2] < 1.6))
    assert turned[nose, 0] > straight[nose, 0] + 0.02
    assert len(straight) == len(figure.colours) == len(figure.gloss)
    assert figure.faces.max() < len(straight)


def test_faces_look_outward(body):
    figure = Figure(body, FACE_CODE_NAMES)
    vertices = figure.posed(np.zeros((1, 104)), np.zeros((1, 256)))[0].astype(np.float64)
    a, b, c = vertices[figure.faces].swapaxes(0, 1)
    volume = np.einsum("fi,fi->", np.cross(a, b), c) / 6
    assert 0.05 < volume < 0.12  # cubic metres: a person, with overlaps


def test_an_actor_whose_codes_mean_nothing_is_plain(body):
    figure = Figure(body)
    np.testing.assert_array_equal(figure.faces, body.mesh.faces)
    assert len(np.unique(figure.colours, axis=0)) == 1


def test_an_actor_without_a_mesh(body):
    with pytest.raises(FigureError, match="no mesh"):
        Figure(replace(body, mesh=None))
