"""Edges for compositors: their colours are the figure's, and they cover as much as the figure does."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from a2p_backend.avatar.codec.cut_out import cut_out
from a2p_backend.avatar.rasteriser import Rasteriser
from kinematics.camera import Camera

CAMERA = Camera(np.array([[20.0, 0, 20], [0, 20.0, 12], [0, 0, 1]]), np.eye(3, 4), 40, 24)
# In the picture a triangle with corners (10.3, 4.1), (31.7, 6.4), (18.2, 20.9).
CORNERS = np.array([[10.3, 4.1], [31.7, 6.4], [18.2, 20.9]])
TRIANGLE = torch.tensor(np.column_stack([(CORNERS - [20, 12]) / 20, np.ones(3)]), dtype=torch.float32)
FACE = torch.tensor([[0, 1, 2]])


@pytest.mark.parametrize("moved", [0.0, 0.9], ids=["within the picture", "leaving it"])
def test_coverage(gl, moved):
    vertices = TRIANGLE + torch.tensor([moved, 0.0, 0.0])
    fine = gl.rasterise(vertices, FACE, CAMERA.enlarged(16)).face_index >= 0
    wanted = fine.float().reshape(24, 16, 40, 16).mean(dim=(1, 3))
    edge = (wanted > 0) & (wanted < 1)
    for coverage in (gl.coverage, lambda *what: Rasteriser.coverage(gl, *what)):
        ours = coverage(vertices, FACE, CAMERA)
        assert (ours - wanted).abs().max() <= 0.15
        assert (ours - wanted)[edge].abs().mean() <= 0.04
        assert abs(float((ours - wanted)[edge].mean())) <= 0.01
        assert torch.equal(ours[~edge], wanted[~edge])


def test_nothing_covers_a_picture_that_looks_away(gl):
    assert not gl.coverage(TRIANGLE - torch.tensor([0.0, 0.0, 3.0]), FACE, CAMERA).any()
    assert not gl.coverage(TRIANGLE + torch.tensor([5.0, 0.0, 0.0]), FACE, CAMERA).any()


def test_the_edge_takes_the_figures_colour():
    colour = torch.tensor([200, 100, 50], dtype=torch.uint8)
    seen = torch.zeros(9, 9, dtype=torch.bool)
    seen[4:6, 4:6] = True
    coverage = torch.zeros(9, 9)
    coverage[3:7, 3:7] = 0.5
    coverage[seen] = 1.0
    coverage[0, 0] = 0.25  # too thin for any centre: there is no colour for it
    cut = cut_out(seen[..., None] * colour, seen, coverage)
    assert (cut[3:7, 3:7, :3] == colour).all()
    assert cut[3, 3, 3] == 128
    assert cut[4, 4, 3] == 255
    assert cut[..., 3].count_nonzero() == 16
    assert (cut[1:, 1:][cut[1:, 1:, 3] == 0][:, :3] == colour).all()  # three pixels on, for filters
    assert not cut[0].any()


def test_two_colours_meet_in_the_edge():
    picture = torch.zeros(3, 3, 3, dtype=torch.uint8)
    picture[1, 0], picture[1, 2] = 100, 50
    seen = picture[..., 0] > 0
    cut = cut_out(picture, seen, torch.full((3, 3), 0.5))
    assert cut[1, 1].tolist() == [75, 75, 75, 128]
