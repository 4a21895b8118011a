"""Sums of rows give what the dense operations give that they stand for."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from a2p_backend.avatar.codec.seams import SeamSampler
from a2p_backend.avatar.codec.sparse import SparseSeams, bilinear, from_uv, rows_of, to_uv, unblocked
from a2p_backend.avatar.codec.uv import Topology, UVGeometry, uv_images

SIZE = 16


@pytest.fixture
def maps() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(1, 3, SIZE, SIZE, generator=generator)
    return noise.contiguous(memory_format=torch.channels_last)


def in_blocks(maps: torch.Tensor) -> torch.Tensor:
    return functional.pixel_unshuffle(maps[0][:, None], 2).permute(2, 3, 1, 0).reshape(-1, maps.shape[1])


@pytest.mark.parametrize("beyond", ["border", "zeros"])
def test_bilinear(maps, beyond):
    points = torch.tensor([[0.0, 0.0], [3.25, 7.75], [-0.5, 4.0], [15.5, 14.9], [15.0, 15.0]])
    grid = 2 * points / (SIZE - 1) - 1
    dense = functional.grid_sample(maps, grid[None, None], padding_mode=beyond, align_corners=True)[0, :, 0].T
    torch.testing.assert_close(bilinear(points, SIZE, beyond=beyond)(rows_of(maps)), dense, atol=1e-5, rtol=0)
    blocked = bilinear(points, SIZE, beyond=beyond, blocked=True)(in_blocks(maps))
    torch.testing.assert_close(blocked, dense, atol=1e-5, rtol=0)


@pytest.mark.parametrize("blocked", [False, True])
def test_seams(maps, blocked):
    generator = torch.Generator().manual_seed(1)
    weights = torch.rand(SIZE, SIZE, generator=generator)
    weights[weights < 0.8] = 0
    uvs = 1.2 * torch.rand(SIZE, SIZE, 2, generator=generator) - 0.1
    seams = SeamSampler(torch.tensor([[0, 1], [5, 9]]), torch.tensor([[5, 9], [2, 2]]), uvs, weights)
    table = in_blocks(maps) if blocked else rows_of(maps).clone()
    sparse = SparseSeams(seams, blocked=blocked)
    sparse.impaint_(table)
    sparse.resample_(table)
    ours = unblocked(table) if blocked else table.T.reshape(3, SIZE, SIZE)
    torch.testing.assert_close(ours, seams.resample(seams.impaint(maps))[0], atol=1e-5, rtol=0)


def test_mesh_and_atlas(maps):
    vt = torch.tensor([[0.1, 0.1], [0.9, 0.1], [0.1, 0.9], [0.95, 0.95]])
    faces = torch.tensor([[0, 1, 2], [1, 3, 2]])
    v2uv = torch.tensor([[0, 0], [1, 3], [2, 2]])
    topology = Topology(torch.tensor([[0, 1, 2], [1, 1, 2]]), vt, faces, v2uv)
    geometry = UVGeometry(topology, uv_images(topology, SIZE, inpaint_distance=1.5))
    assert (geometry.face_index_image < 0).any()
    values = torch.randn(1, 3, 2, generator=torch.Generator().manual_seed(2))
    dense = geometry.to_uv(values)
    torch.testing.assert_close(to_uv(geometry)(values[0]), rows_of(dense), atol=1e-6, rtol=0)
    torch.testing.assert_close(from_uv(geometry)(rows_of(maps)), geometry.from_uv(maps)[0], atol=1e-5, rtol=0)
