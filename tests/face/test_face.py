from __future__ import annotations

import numpy as np
import pytest

from kinematics.errors import A2PError
from kinematics.face.names import known_shapes
from kinematics.face.reference import ARKIT_SHAPES, KNOWN_SHAPES, code_geometry, shape_geometry
from kinematics.face.solve import solve_weights
from kinematics.face_codes import FACE_CODE_NAMES

MAIN = {
    "jaw_open": {"jawOpen"},
    "lips_wide": {"mouthStretchLeft", "mouthStretchRight"},
    "lips_round": {"mouthPucker"},
    "brows_up": {"browInnerUp", "browOuterUpLeft", "browOuterUpRight"},
    "blink": {"eyeBlinkLeft", "eyeBlinkRight"},
    "smile": {"mouthSmileLeft", "mouthSmileRight"},
}


def test_there_are_arkits_52_shapes_all_different():
    shapes = shape_geometry(ARKIT_SHAPES).reshape(52, -1)
    assert len(set(ARKIT_SHAPES)) == 52
    directions = shapes / np.linalg.norm(shapes, axis=1, keepdims=True)
    assert (directions @ directions.T - np.eye(52)).max() < 0.99


def test_each_code_is_mainly_what_its_name_says():
    weights = solve_weights(code_geometry(), shape_geometry(ARKIT_SHAPES), smoothness=0.0)
    for code, row in zip(FACE_CODE_NAMES, weights, strict=True):
        strong = {name for name, weight in zip(ARKIT_SHAPES, row, strict=True) if weight > 0.5}
        assert strong == MAIN[code]


def test_mixtures_are_found_again():
    random = np.random.default_rng(3)
    shapes = shape_geometry(ARKIT_SHAPES)
    wanted = random.random((5, 52)) * (random.random((5, 52)) < 0.2)
    geometry = np.einsum("ts,svx->tvx", wanted, shapes)
    got = np.einsum("ts,svx->tvx", solve_weights(geometry, shapes, smoothness=0.0), shapes)
    assert np.linalg.norm(got - geometry) < 0.05 * np.linalg.norm(geometry)


def test_what_only_negative_weights_could_do_is_left_out():
    shapes = shape_geometry(("jawOpen", "eyeBlinkLeft"))
    weights = solve_weights(
        np.array([-shapes[0], shapes[0] + shapes[1], 3 * shapes[1]]), shapes, smoothness=0.0
    )
    np.testing.assert_allclose(weights, [[0, 0], [1, 1], [0, 1]], atol=0.02)


def test_noise_is_smoothed_and_nothing_comes_late():
    time = np.arange(90)
    opening = np.exp(-(((time - 45) / 8.0) ** 2))
    noise = np.random.default_rng(0).normal(0.0, 0.05, 90)
    shapes = shape_geometry(("jawOpen",))
    noisy, rough, clean = (
        solve_weights(curve[:, None, None] * shapes[0], shapes, smoothness)[:, 0]
        for curve, smoothness in ((opening + noise, 4.0), (opening + noise, 0.0), (opening, 4.0))
    )
    assert np.abs(np.diff(noisy)).mean() < 0.6 * np.abs(np.diff(rough)).mean()
    assert clean.argmax() == 45


def test_a_mesh_of_visemes_gets_the_nearest_of_them():
    names = tuple(name for name in KNOWN_SHAPES if name.startswith("viseme_"))
    weights = solve_weights(code_geometry(), shape_geometry(names), smoothness=0.0)
    rounded = dict(zip(names, weights[FACE_CODE_NAMES.index("lips_round")], strict=True))
    assert max(rounded, key=rounded.get) == "viseme_U"
    assert not weights[FACE_CODE_NAMES.index("blink")].any()


def test_bad_input_is_refused():
    shapes = shape_geometry(("jawOpen",))
    with pytest.raises(A2PError, match="not finite"):
        solve_weights(np.full((1, *shapes.shape[1:]), np.nan), shapes)
    with pytest.raises(ValueError, match="do not fit"):
        solve_weights(np.zeros((1, 2, 3)), shapes)
    assert solve_weights(np.zeros((0, *shapes.shape[1:])), shapes).shape == (0, 1)


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("jawOpen", "jawOpen"),
        ("JawOpen", "jawOpen"),
        ("jaw_open", "jawOpen"),
        ("blendShape1.jawOpen", "jawOpen"),
        ("ARKit_browDownLeft", "browDownLeft"),
        ("mouthSmile_L", "mouthSmileLeft"),
        ("head_geo.eyeBlink_R", "eyeBlinkRight"),
        ("CTRL_expressions_eyeBlinkL", "eyeBlinkLeft"),
        ("CTRL_expressions_mouthCornerPullR", "mouthSmileRight"),
        ("viseme_aa", "viseme_aa"),
        ("Face.M_F00_000_00_Fcl_MTH_A", "viseme_aa"),
        ("Fcl_EYE_Close_L", "eyeBlinkLeft"),
        ("Fcl_EYE_Close", "vrm_blink"),
        ("eyesClosed", "vrm_blink"),
        ("mouthOpen", "jawOpen"),
    ],
)
def test_names_of_many_makers(name, shape):
    assert known_shapes([name]) == {shape: name}


def test_what_is_no_known_shape_is_none():
    assert known_shapes(["Basis", "Key 1", "A", "fat", "nose_long"]) == {}


def test_the_five_vowels_together_are_vrms():
    assert known_shapes("AIUEO") == {
        "viseme_aa": "A",
        "viseme_I": "I",
        "viseme_U": "U",
        "viseme_E": "E",
        "viseme_O": "O",
    }


def test_a_mesh_with_everything_is_driven_once():
    names = [*KNOWN_SHAPES, "mouthOpen", "mouthSmile", "eyesClosed"]
    found = known_shapes(names)
    assert set(found) == set(ARKIT_SHAPES)
    assert found["jawOpen"] == "jawOpen"
