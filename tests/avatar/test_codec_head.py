"""A released actor's head as geometry, and the solve against it."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from a2p_backend.avatar.codec import head as codec_head
from a2p_backend.avatar.codec.config import AvatarError
from a2p_backend.avatar.codec.head import CodecHead
from a2p_backend.avatar.codec.lbs import AvatarSkin
from a2p_backend.wire.performance import Performance
from kinematics.body import load_default_body
from kinematics.face.motion import default_motion
from kinematics.face.shapes import ARKIT_SHAPES
from kinematics.face_mesh import load_default_face_mesh
from kinematics.skinning import INFLUENCES, SkinnedMesh
from kinematics.stage import place_on_stage

SCALING = 10.0


class DecodedHead:
    """In place of the fused networks: a decoder that shapes the sculpted head, and knows codes of its own."""

    def __init__(self, model: SimpleNamespace) -> None:
        self.avatar, self.device = model, torch.device("cpu")

    def face_maps(self, faces: torch.Tensor) -> torch.Tensor:
        return faces

    def offsets(self, pose: torch.Tensor, face_map: torch.Tensor) -> torch.Tensor:
        moves = torch.tensor(load_default_face_mesh().moves)
        return torch.einsum("te,evx->tvx", face_map[:, : len(moves)], moves)

    def meshes(self, poses: np.ndarray, faces: np.ndarray):
        skin = self.avatar.lbs_fn
        for pose, face in zip(poses, faces, strict=True):
            offsets = self.offsets(None, torch.tensor(face[None]))
            yield skin.pose(skin.joints(pose[None]), offsets)[0]


@pytest.fixture(scope="module")
def body():
    """The default skeleton with the sculpted head for a mesh, its last triangle on the hips."""
    mesh, body = load_default_face_mesh(), load_default_body()
    strongest = np.argsort(-mesh.weights, axis=1)[:, :INFLUENCES]
    weights = np.zeros((len(mesh.vertices), INFLUENCES), np.float32)
    indices = np.zeros(weights.shape, np.int32)
    shares = np.take_along_axis(mesh.weights, strongest, axis=1)
    weights[:, : shares.shape[1]] = shares
    indices[:, : shares.shape[1]] = np.array([body.skeleton.index(name) for name in mesh.joints])[strongest]
    weights[mesh.faces[-1]], indices[mesh.faces[-1]] = np.eye(INFLUENCES)[0], 1
    skinned = SkinnedMesh(
        mesh.vertices, np.zeros_like(mesh.vertices), mesh.faces, mesh.uvs, mesh.uv_faces, weights, indices
    )
    return replace(body, mesh=skinned)


def head_of(body, monkeypatch):
    mesh = load_default_face_mesh()
    monkeypatch.setattr(codec_head, "FusedAvatar", DecodedHead)
    model = SimpleNamespace(
        lbs_fn=AvatarSkin(body, mesh.vertices, np.full(3, SCALING)),
        geo_fn=SimpleNamespace(
            vi=torch.tensor(mesh.faces), vti=torch.tensor(mesh.uv_faces), vt=torch.tensor(mesh.uvs)
        ),
        config=SimpleNamespace(pose=104, face_code=256),
    )
    model.to = lambda device: model
    return CodecHead(SimpleNamespace(model=model), torch.device("cpu"))


@pytest.fixture
def head(body, monkeypatch):
    return head_of(body, monkeypatch)


@pytest.fixture
def talking():
    """Five frames: it nods, the jaw opens, then the eyes shut."""
    pose, face = np.zeros((5, 104), np.float32), np.zeros((5, 256), np.float32)
    pose[:, 14] = np.linspace(0, 0.3, 5)
    face[:, 0] = (0, 0.4, 0.8, 0.4, 0)
    face[3:, 4] = 1.0
    return Performance(pose, face, pose[:1], actor="X", seed=0, clip_name="a.wav", clip_sha256="0" * 64)


def test_the_surface_is_what_the_head_carries(head):
    mesh = load_default_face_mesh()
    surface = head.surface
    dropped = len(mesh.faces) - len(surface.faces)
    assert 0 < dropped < 0.2 * len(mesh.faces), "the triangle on the hips, and what follows the neck"
    assert surface.faces.max() == len(surface.vertices) - 1
    known = {tuple(vertex) for vertex in mesh.vertices.round(4).tolist()}
    assert {tuple(vertex) for vertex in surface.vertices.round(4).tolist()} <= known
    upside_down = mesh.uvs * (1, -1) + (0, 1)
    for uv in surface.uvs[::200]:
        assert np.abs(upside_down - uv).sum(axis=1).min() < 1e-5


def test_frames_in_place_move_by_the_face_alone(head, talking):
    rest = head.surface.vertices
    frames = np.array(list(head.frames(talking, in_place=True)))
    np.testing.assert_allclose(frames[0], rest, atol=1e-5)
    assert np.abs(frames[2] - rest).max() > 1.5


def test_frames_on_the_stage_are_where_the_rig_has_its_head(head, body, talking):
    mesh = load_default_face_mesh()
    frames = np.array(list(head.frames(talking, in_place=False)))
    posed = mesh.posed(body, place_on_stage(body, talking.pose), talking.face)
    top, nose = (frames.max(axis=1)[:, axis] for axis in (1, 2))
    np.testing.assert_allclose(top, posed[..., 1].max(axis=1), atol=1e-3)
    np.testing.assert_allclose(nose, posed[..., 2].max(axis=1), atol=1e-3)


def test_the_solve_is_that_of_the_same_head_elsewhere(head, talking):
    heard = []
    weights = head.motion(talking, heard.append).weights()
    assert heard == [1, 2, 3, 4, 5]
    expected = default_motion(talking.face).weights()
    # Without the neck's skin, small shapes share out what is left a little differently.
    np.testing.assert_allclose(weights, expected, atol=0.15)
    for name, most in (("jawOpen", 0.5), ("eyeBlinkLeft", 0.9), ("eyeBlinkRight", 0.9)):
        column = ARKIT_SHAPES.index(name)
        np.testing.assert_allclose(weights[:, column], expected[:, column], atol=0.02)
        assert weights[:, column].max() > most


def test_a_skeleton_without_eyes(body, talking, monkeypatch):
    """Its face is found from the nose."""
    names = [name.replace("_eye", "_orb") for name in body.skeleton.names]
    blind = replace(body, skeleton=replace(body.skeleton, names=tuple(names)))
    weights = head_of(blind, monkeypatch).motion(talking, lambda _: None).weights()
    np.testing.assert_allclose(weights, default_motion(talking.face).weights(), atol=0.2)


def test_a_skeleton_without_a_head(body, monkeypatch):
    headless = tuple(name.replace("head", "top") for name in body.skeleton.names)
    with pytest.raises(AvatarError, match="no joint with head in its name"):
        head_of(replace(body, skeleton=replace(body.skeleton, names=headless)), monkeypatch)


def test_codes_that_are_no_codes(head, talking):
    short = SimpleNamespace(pose=talking.pose, face=talking.face[:, :100])
    with pytest.raises(AvatarError, match="256 face numbers"):
        head.motion(short, lambda _: None)
