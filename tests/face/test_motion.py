"""The solve for weights against an actor's own head."""

from __future__ import annotations

import numpy as np
import pytest

from kinematics.errors import A2PError
from kinematics.face.landmarks import find_landmarks
from kinematics.face.motion import FaceMotion, ShapedHead, default_head, default_motion
from kinematics.face.shapes import ARKIT_SHAPES, KNOWN_SHAPES, UNSEEN
from kinematics.face.solve import solve_weights
from kinematics.face_codes import FACE_CODE_NAMES
from kinematics.face_mesh import load_default_face_mesh
from tests.face.heads import EYES, small_face, subdivided

MAIN = {
    "jaw_open": {"jawOpen"},
    "lips_wide": {"mouthStretchLeft", "mouthStretchRight"},
    "lips_round": {"mouthFunnel", "mouthPucker"},
    "brows_up": {"browInnerUp", "browOuterUpLeft", "browOuterUpRight"},
    "blink": {"eyeBlinkLeft", "eyeBlinkRight"},
    "smile": {"mouthSmileLeft", "mouthSmileRight", "eyeSquintLeft", "eyeSquintRight"},
}
"""eyeSquint: the sculpted smile lifts the lower lids."""
CODES = np.eye(len(FACE_CODE_NAMES), 256, dtype=np.float32)


@pytest.fixture(scope="module")
def small():
    vertices, faces = small_face()
    return ShapedHead.on(vertices, faces, find_landmarks(vertices, faces, EYES))


def alone(products, size=1.0, **options):
    return solve_weights(np.full((1, 1), size), np.asarray(products, float)[:, None], **options)[:, 0]


def test_each_code_is_mainly_what_its_name_says():
    weights = default_motion(CODES).weights(smoothness=0.0)
    for code, row in zip(FACE_CODE_NAMES, weights, strict=True):
        strong = {name for name, weight in zip(ARKIT_SHAPES, row, strict=True) if weight > 0.25}
        assert strong == MAIN[code]
        weak = [weight for name, weight in zip(ARKIT_SHAPES, row, strict=True) if name not in MAIN[code]]
        assert max(weak) < 0.25


@pytest.mark.parametrize("code", FACE_CODE_NAMES)
def test_the_shapes_bring_the_head_back(code):
    """What a code moves is found again within 15 % of how far it moves, lids within 25 %."""
    mesh, head = load_default_face_mesh(), default_head()
    index = FACE_CODE_NAMES.index(code)
    weights = default_motion(CODES).weights(smoothness=0.0)[index]
    area = head.area
    left = np.einsum("s,svx->vx", weights, head.shapes) - mesh.moves[index]
    moved, missed = (np.sqrt(area @ (each**2).sum(axis=1)) for each in (mesh.moves[index], left))
    assert missed < (0.25 if code == "blink" else 0.15) * moved


def test_mixtures_are_found_again_on_any_mesh(small):
    random = np.random.default_rng(3)
    wanted = random.random((5, 52)) * (random.random((5, 52)) < 0.2)
    motion = small.motion(np.einsum("ts,svx->tvx", wanted, small.shapes))
    left = motion.weights(smoothness=0.0) - wanted
    moved, error = (np.einsum("ts,sr,tr->", each, small.gram, each) for each in (wanted, left))
    assert error < 0.003 * moved


def test_what_is_finer_in_places_weighs_no_more():
    vertices, faces = small_face()
    finer, fine_faces = subdivided(vertices, faces)
    marks = find_landmarks(vertices, faces, EYES)
    heads = [ShapedHead.on(vertices, faces, marks), ShapedHead.on(finer, fine_faces, marks)]
    scale = np.sqrt(np.diag(heads[0].gram)).max() ** 2
    gram, fine = (head.gram / np.diag(head.gram).max() for head in heads)
    assert scale > 0
    np.testing.assert_allclose(fine, gram, atol=0.01)


def test_a_mesh_of_visemes_gets_the_nearest_of_them():
    names = tuple(name for name in KNOWN_SHAPES if name.startswith("viseme_"))
    weights = dict(zip(names, default_motion(CODES).weights(names, smoothness=0.0).T, strict=True))
    rounded, opened, blink = (FACE_CODE_NAMES.index(code) for code in ("lips_round", "jaw_open", "blink"))
    assert max(names, key=lambda name: weights[name][rounded]) in ("viseme_U", "viseme_O", "viseme_CH")
    assert weights["viseme_aa"][opened] > 0.85
    assert max(weights[name][blink] for name in names) == 0.0
    assert not any(weights[name].any() for name in UNSEEN)


def test_what_only_negative_weights_could_do_is_left_out():
    gram = np.diag([1.0, 1.0])
    weights = solve_weights(gram, np.array([[-1.0, 0.0], [1.0, 1.0], [0.0, 3.0]]), smoothness=0.0)
    np.testing.assert_allclose(weights, [[0, 0], [1, 1], [0, 1]], atol=1e-3)


def test_small_shapes_come_to_their_mark_beside_large_ones():
    gram = np.diag([1.0, 0.002])
    np.testing.assert_allclose(
        solve_weights(gram, np.array([[0.6, 0.002]]), smoothness=0.0), [[0.6, 1.0]], atol=0.01
    )


def test_noise_is_smoothed_and_nothing_comes_late():
    time = np.arange(90)
    opening = 0.9 * np.exp(-(((time - 45) / 8.0) ** 2))
    noise = np.random.default_rng(0).normal(0.0, 0.05, 90)
    noisy, rough, clean = (
        alone(curve, smoothness=smoothness)
        for curve, smoothness in ((opening + noise, 4.0), (opening + noise, 0.0), (opening, 4.0))
    )
    assert np.abs(np.diff(noisy)).mean() < 0.6 * np.abs(np.diff(rough)).mean()
    assert clean.argmax() == 45


def test_bad_input_is_refused():
    with pytest.raises(A2PError, match="not finite"):
        alone([np.nan])
    with pytest.raises(ValueError, match="do not fit"):
        solve_weights(np.eye(2), np.zeros((1, 3)))
    with pytest.raises(ValueError, match="52 shapes"):
        FaceMotion(np.eye(3), np.zeros((1, 3)))
    assert alone([]).shape == (0,)
    assert not alone([1.0], size=0.0).any(), "a shape that moves nothing stays 0"
