"""The trained avatar: its file, the default actor's skin, and how poses carry it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.numpy import save_file

from a2p_backend.actors.registry import find_actor
from a2p_backend.avatar.shading import shade_supersampled
from a2p_backend.avatar.surface import Surface
from a2p_backend.avatar.trained.carriers import carrier_for
from a2p_backend.avatar.trained.decoder import DECODER_FILE, DecoderError, load_decoder
from a2p_backend.avatar.trained.footing import Footing
from a2p_backend.avatar.trained.network import AvatarNetwork, NetworkConfig
from a2p_backend.avatar.trained.portrait import TrainedPortrait, expression_matrix
from a2p_backend.wire.settings import PlateSettings
from kinematics.camera import frame_figure
from kinematics.face_codes import FACE_CODE_NAMES
from kinematics.stage import place_on_stage


@pytest.fixture(scope="module")
def decoder():
    return load_decoder(find_actor("default") / "avatar")


def test_the_default_skin_is_closed_and_manifold(decoder):
    faces = decoder.source[decoder.faces]
    forward = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    _, counts = np.unique(forward, axis=0, return_counts=True)
    assert counts.max() == 1  # neighbours agree on what is outside
    _, counts = np.unique(np.sort(forward, axis=1), axis=0, return_counts=True)
    assert (counts == 2).all()
    a, b, c = decoder.vertices[faces].astype(np.float64).swapaxes(0, 1)
    assert 0.05 < np.einsum("fi,fi->", np.cross(a, b), c) / 6 < 0.12  # cubic metres: a person
    skin = _pieces(faces, len(decoder.vertices))
    assert len(np.unique(skin)) == 10  # with four lids, two eyeballs, two rows of teeth and the tongue
    assert np.bincount(skin).max() > 0.75 * len(skin)


def _pieces(faces, count):
    piece = np.arange(count)
    while True:
        before = piece.copy()
        np.minimum.at(piece, faces.ravel(), np.repeat(piece[faces].min(axis=1), 3))
        if np.array_equal(before, piece):
            return piece


def test_its_weights_and_texture_coordinates(decoder):
    np.testing.assert_allclose(decoder.weights.sum(axis=1), 1.0, atol=1e-5)
    assert decoder.weights.min() >= 0
    a, b, c = decoder.uvs[decoder.faces].astype(np.float64).swapaxes(0, 1)
    assert (np.cross(b - a, c - a) < 0).mean() > 0.999  # v down: none is turned over but slivers
    assert decoder.uvs.min() >= 0
    assert decoder.uvs.max() <= 1


def test_another_texture_or_network_is_another_digest(decoder, body):
    def digest(changed):
        return TrainedPortrait(changed, body, FACE_CODE_NAMES).digest

    texture = decoder.texture.copy()
    texture[0, 0, 0] ^= 1
    found = [digest(changed) for changed in (decoder, replace(decoder, texture=texture))]
    found.append(digest(replace(decoder, network=None)))
    assert len(set(found)) == 3
    assert digest(replace(decoder)) == found[0]


def test_a_giant_that_floats_stands_on_the_floor_as_tall_as_a_person(decoder):
    assert Footing.of(decoder.vertices) == Footing()
    giant = 3.0 * decoder.vertices - np.array([0.0, 0.0, 2.0], np.float32)
    placed = Footing.of(giant).place(giant)
    assert placed[:, 2].min() == pytest.approx(0.0, abs=1e-4)
    assert placed[:, 2].max() == pytest.approx(1.75, abs=1e-4)
    child = 0.75 * decoder.vertices
    np.testing.assert_array_equal(Footing.of(child).place(child), child)


def test_the_skin_follows_the_rig(decoder, body):
    pose = np.zeros((2, 104), np.float32)
    pose[1, 12] = 0.5  # neck_rx, to the figure's left, which is +X
    pose = place_on_stage(body, pose)
    rest = decoder.shaped(np.zeros((2, len(decoder.expressions)), np.float32))
    straight, turned = carrier_for(decoder, body, pose, 30.0).carry(rest, slice(0, 2))
    nose = np.argmin(straight[:, 1] + 10 * (straight[:, 2] < 1.55))
    assert turned[nose, 0] > straight[nose, 0] + 0.02
    feet = straight[:, 2] < 0.1
    np.testing.assert_allclose(turned[feet], straight[feet], atol=0.01)


def test_a_foreign_skeleton_is_retargeted_to(decoder, body):
    """The same character under other bone names moves as it does under the actor's own."""
    renamed = replace(decoder, bones=tuple(name.replace("b_root", "b_Root") for name in decoder.bones))
    pose = np.zeros((1, 104), np.float32)
    pose[0, [24, 36]] = 1.0
    pose = place_on_stage(body, pose)
    rest = decoder.shaped(np.zeros((1, len(decoder.expressions)), np.float32))
    own = carrier_for(decoder, body, pose, 30.0).carry(rest, slice(0, 1))
    retargeted = carrier_for(renamed, body, pose, 30.0).carry(rest, slice(0, 1))
    assert np.median(np.linalg.norm(own - retargeted, axis=-1)) < 0.03


def test_expressions_of_other_rigs_are_found_by_their_usual_names():
    names = ("Basis2", "jawOpen", "eyeBlinkLeft", "eyeBlinkRight", "mouthPucker", "mouthFunnel")
    matrix = expression_matrix(names, FACE_CODE_NAMES)
    assert matrix[FACE_CODE_NAMES.index("jaw_open")].tolist() == [0, 1, 0, 0, 0, 0]
    assert matrix[FACE_CODE_NAMES.index("blink")].tolist() == [0, 0, 1, 1, 0, 0]
    assert matrix[FACE_CODE_NAMES.index("lips_round")].tolist() == [0, 0, 0, 0, 1, 0]
    assert not matrix[FACE_CODE_NAMES.index("smile")].any()


def test_pictures(decoder, body, performance, gl):
    portrait = TrainedPortrait(decoder, body, FACE_CODE_NAMES)
    settings = PlateSettings(width=96, height=128)
    pictures = list(portrait.pictures(performance, settings, gl))
    assert len(pictures) == 6
    assert pictures[0].shape == (128, 96, 3)
    assert (pictures[0] != pictures[-1]).any()


def test_shader_and_tensors_paint_the_same_texture(decoder, gl):
    surface = Surface.from_texture(
        decoder.faces, decoder.source, decoder.uvs, decoder.texture, decoder.gloss, "cpu"
    )
    # A light that is darker to one side of the texture, more so for blue.
    ramp = torch.linspace(0.3, 1.2, 32).expand(1, 32, 32)
    surface = surface.lit(torch.cat([ramp, ramp, ramp**2]))
    vertices = torch.from_numpy(decoder.vertices)
    camera = frame_figure("front", 120, 160)
    in_shader = gl.paint(surface, vertices, camera)
    in_tensors = shade_supersampled(gl, surface, vertices, camera)
    inside = (in_shader[..., 3] == 1) & (in_tensors[..., 3] == 1)
    assert inside.float().mean() > 0.05
    # The shader looks up smaller copies of the texture in the distance.
    assert (in_shader - in_tensors).abs()[inside].mean() < 0.03


def test_files_that_cannot_be_used(tmp_path, decoder):
    with pytest.raises(DecoderError, match="missing"):
        load_decoder(tmp_path)
    (tmp_path / DECODER_FILE).write_bytes(b"nothing of the kind")
    with pytest.raises(DecoderError, match="damaged"):
        load_decoder(tmp_path)
    with pytest.raises(DecoderError, match="fit"):
        replace(decoder, uvs=decoder.uvs[:-1])
    with pytest.raises(DecoderError, match="finite"):
        replace(decoder, vertices=decoder.vertices * np.nan)


def test_saved_and_loaded(tmp_path, decoder):
    decoder.save(tmp_path)
    again = load_decoder(tmp_path)
    np.testing.assert_array_equal(again.texture, decoder.texture)
    np.testing.assert_array_equal(again.moves, decoder.moves)
    assert again.expressions == decoder.expressions == FACE_CODE_NAMES


def test_a_character_without_expressions_keeps_its_face(decoder):
    mute = replace(decoder, moves=decoder.moves[:0], expressions=(), network=None)
    shaped = mute.shaped(np.zeros((2, 0), np.float32))
    np.testing.assert_array_equal(shaped, np.stack([decoder.vertices] * 2))


@pytest.fixture(scope="module")
def network(decoder):
    torch.manual_seed(0)
    made = AvatarNetwork(NetworkConfig(len(decoder.expressions), fields=2, moved=3)).requires_grad_(False)
    made.fields.copy_(torch.randn(made.fields.shape) * 1e-3)
    made.moved.copy_(torch.tensor([5, 7, 11]))
    return made.eval()


def test_the_network_lights_the_texture_and_moves_some_vertices(decoder, network):
    taught = replace(decoder, network=network)
    values = np.eye(2, len(decoder.expressions), dtype=np.float32)
    pose = np.zeros((2, 104), np.float32)
    light = network.light(torch.from_numpy(values))
    assert light.shape == (2, 3, network.config.texels, network.config.texels)
    assert 0.0 <= light.min() <= light.max() <= 2.0
    assert (light[0] - light[1]).abs().max() > 1e-4
    moved = taught.shaped(values, pose) - decoder.shaped(values)
    assert np.flatnonzero(np.abs(moved).max(axis=(0, 2))).tolist() == [5, 7, 11]
    in_the_room = pose.copy()
    in_the_room[:, :6] = 1.0
    np.testing.assert_array_equal(taught.shaped(values, pose), taught.shaped(values, in_the_room))


def test_a_network_travels_with_its_decoder(tmp_path, decoder, network):
    replace(decoder, network=network).save(tmp_path)
    again = load_decoder(tmp_path)
    values = torch.rand(1, len(decoder.expressions))
    difference = again.network.light(values) - network.light(values)
    assert difference.abs().max() < 2e-3  # kept in half precision
    with pytest.raises(DecoderError, match="expressions"):
        replace(decoder, network=AvatarNetwork(NetworkConfig(1)))


def test_a_file_of_the_former_format_still_shows(tmp_path, decoder):
    replace(decoder, network=None).save(tmp_path)
    with safe_open(tmp_path / DECODER_FILE, framework="numpy") as file:
        metadata = {**file.metadata(), "format": "a2p trained avatar 1"}
        arrays = {name: file.get_tensor(name) for name in file.keys() if name != "gloss"}  # noqa: SIM118
    save_file(arrays, tmp_path / DECODER_FILE, metadata=metadata)
    former = load_decoder(tmp_path)
    assert former.network is None
    assert former.gloss.shape == (len(decoder.vertices),)


def test_expressions_change_the_light_of_the_default_avatar(decoder, body, performance):
    portrait = TrainedPortrait(decoder, body, FACE_CODE_NAMES)
    face = np.zeros((2, 256), np.float32)
    face[1, FACE_CODE_NAMES.index("jaw_open")] = 1.0
    still = replace(performance, pose=performance.pose[:2], face=face)
    shut, opened = (light.numpy() for light in portrait.light(still, range(2)))
    assert (opened < 0.8 * shut).mean() > 1e-3  # the mouth lies in the dark
