"""Two rasterisers, one answer; two ways to shade, one picture; a clear word where there is neither."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch

from a2p_backend.avatar import opengl, pytorch3d
from a2p_backend.avatar.choice import choose_rasteriser
from a2p_backend.avatar.figure import Figure
from a2p_backend.avatar.rasteriser import RasteriserError
from a2p_backend.avatar.shading import shade_supersampled
from a2p_backend.avatar.surface import Surface
from kinematics.armature import to_armature_space
from kinematics.camera import Camera, frame_figure
from kinematics.face_codes import FACE_CODE_NAMES

TRIANGLE = torch.tensor([[-1.0, 0.0, 1.0], [1.0, 0.0, 1.0], [0.0, 2.0, 2.0]])
ONE_FACE = torch.tensor([[0, 1, 2]])


def pinhole(width, height, focal):
    """A camera at the origin that looks along +Z, the world's axes its own."""
    K = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1.0]])
    return Camera(K, np.eye(3, 4), width, height)


@pytest.mark.parametrize("view", ["front", "side"])
def test_back_ends_agree_on_the_default_body(body, gl, view):
    if not pytorch3d.is_installed():
        pytest.skip("needs the extra `plate`")
    vertices = torch.from_numpy(to_armature_space(body.mesh.vertices))
    faces = torch.from_numpy(np.asarray(body.mesh.faces).astype(np.int64))
    camera = frame_figure(view, 90, 120)
    ours = gl.rasterise(vertices, faces, camera)
    theirs = pytorch3d.PyTorch3DRasteriser("cpu").rasterise(vertices, faces, camera)
    check_same_bits(ours, theirs)
    assert (ours.face_index >= 0).float().mean() > 0.05


def check_same_bits(ours, theirs):
    """Of all but the shares, of which one follows from the others."""
    assert torch.equal(ours.face_index, theirs.face_index)
    assert torch.equal(ours.depth, theirs.depth)
    torch.testing.assert_close(ours.barycentrics, theirs.barycentrics, atol=1e-6, rtol=0)


def soup(kind, random):
    """Triangles (vertices, faces) in front of a `pinhole` camera, hard to tell apart."""
    count = int(random.integers(3, 40))
    vertices = random.uniform(-1, 1, (count, 3)) * [1, 1, 0.4] + [0, 0, 2]
    faces = random.integers(0, count, (60, 3))
    match kind:
        case "edges through pixels' centres, all in one plane":
            vertices = np.round(vertices * 16) / 16
            vertices[:, 2] = 2.0
        case "coincident, wound both ways":
            faces = np.concatenate([faces, faces[:, ::-1]])
        case "slivers":
            vertices[1::2] = vertices[: 2 * (count // 2) : 2] + random.normal(0, 1e-3, (count // 2, 3))
        case "leaving the picture, some behind the camera":
            vertices = vertices * [3, 3, 3] - [0, 0, 5.2]
    return torch.from_numpy(vertices.astype(np.float32)), torch.from_numpy(faces.astype(np.int64))


@pytest.mark.parametrize(
    "kind",
    [
        "edges through pixels' centres, all in one plane",
        "coincident, wound both ways",
        "slivers",
        "leaving the picture, some behind the camera",
    ],
)
def test_back_ends_agree_to_the_last_bit(gl, kind):
    if not pytorch3d.is_installed():
        pytest.skip("needs the extra `plate`")
    random = np.random.default_rng(6)
    seen = 0
    for width, height in ((40, 40), (61, 24), (16, 50)):
        vertices, faces = soup(kind, random)
        camera = pinhole(width, height, 40.0)
        ours = gl.rasterise(vertices, faces, camera)
        check_same_bits(ours, pytorch3d.PyTorch3DRasteriser("cpu").rasterise(vertices, faces, camera))
        seen += len(ours.face_index.unique())
    assert seen >= 12


def test_pixel_centres_and_perspective(gl):
    camera = pinhole(40, 20, 10.0)
    fragments = gl.rasterise(TRIANGLE, ONE_FACE, camera)
    rows, columns = torch.nonzero(fragments.face_index == 0, as_tuple=True)
    # Interpolating the corners gives back the very point on each pixel's ray.
    points = fragments.barycentrics[rows, columns] @ TRIANGLE
    image = camera.project(points.numpy())
    np.testing.assert_allclose(image[:, 0], columns.numpy() + 0.5, atol=1e-3)
    np.testing.assert_allclose(image[:, 1], rows.numpy() + 0.5, atol=1e-3)
    np.testing.assert_allclose(image[:, 2], fragments.depth[rows, columns].numpy(), atol=1e-5)
    assert len(rows) == pytest.approx(100, abs=10)


def test_nothing_is_seen_behind_the_camera(gl):
    fragments = gl.rasterise(-TRIANGLE, ONE_FACE, pinhole(16, 16, 8.0))
    assert (fragments.face_index == -1).all()
    assert not fragments.barycentrics.any()
    assert not fragments.depth.any()


def test_each_thread_has_its_own_context(gl):
    camera = pinhole(16, 16, 8.0)
    results = [gl.rasterise(TRIANGLE, ONE_FACE, camera)]

    def work():
        with gl:
            results.append(gl.rasterise(TRIANGLE, ONE_FACE, camera))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(timeout=30)
    torch.testing.assert_close(results[0].depth, results[1].depth)


def test_two_rasterisers_in_one_thread(gl):
    camera = pinhole(16, 16, 8.0)
    first = gl.rasterise(TRIANGLE, ONE_FACE, camera)
    with opengl.OpenGLRasteriser() as other:
        second = other.rasterise(TRIANGLE, ONE_FACE, camera)
        third = gl.rasterise(TRIANGLE, ONE_FACE, camera)
    fourth = gl.rasterise(TRIANGLE, ONE_FACE, camera)
    for later in (second, third, fourth):
        torch.testing.assert_close(later.depth, first.depth)


def test_shader_and_tensors_paint_the_same(body, gl):
    figure = Figure(body, FACE_CODE_NAMES)
    surface = Surface.from_colours(figure.faces, figure.colours, figure.gloss, "cpu")
    vertices = torch.from_numpy(figure.posed(np.zeros((1, 104)), np.zeros((1, 256)))[0])
    camera = frame_figure("front", 120, 160)
    in_shader = gl.paint(surface, vertices, camera)
    in_tensors = shade_supersampled(gl, surface, vertices, camera)
    difference = (in_shader - in_tensors).abs()
    assert difference.mean() < 2e-3
    # The two sample outlines at other points; within them they agree.
    inside = (in_shader[..., 3] == 1) & (in_tensors[..., 3] == 1)
    assert inside.float().mean() > 0.05
    assert torch.quantile(difference[inside], 0.9) < 0.02


def test_neither_back_end(monkeypatch):
    monkeypatch.setattr(opengl, "why_unavailable", lambda: "no libEGL.so")
    monkeypatch.setattr(pytorch3d, "is_installed", lambda: False)
    with pytest.raises(RasteriserError, match=r"no libEGL\.so.*libegl1 libgl1-mesa-dri"):
        choose_rasteriser("auto")
    with pytest.raises(RasteriserError, match="pip install easypytorch3d"):
        choose_rasteriser("pytorch3d")
