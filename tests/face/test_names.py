"""Shape keys' names, whoever made them."""

from __future__ import annotations

import pytest

from kinematics.face.names import known_shapes
from kinematics.face.shapes import ARKIT_SHAPES, KNOWN_SHAPES, mixtures


def test_there_are_arkits_52_shapes():
    assert len(set(ARKIT_SHAPES)) == 52
    assert mixtures(ARKIT_SHAPES).trace() == mixtures(ARKIT_SHAPES).sum() == 52


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
