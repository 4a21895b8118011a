from __future__ import annotations

import json
from typing import Any

import pytest

from a2p_backend.wire.settings import (
    PRESETS,
    GenerateSettings,
    PlateSettings,
    Preset,
    SettingsError,
    ViewCamera,
)


def test_settings_round_trip_through_json_objects() -> None:
    settings = GenerateSettings(seed=4, steps=25, top_p=0.9)
    assert GenerateSettings.from_dict(settings.to_dict()) == settings
    assert PlateSettings.from_dict({"width": 320}) == PlateSettings(width=320)


@pytest.mark.parametrize(
    "values",
    [
        {"steps": 1},
        {"steps": 1.5},
        {"steps": True},
        {"seed": -1},
        {"top_p": 0.0},
        {"top_p": float("nan")},
        {"face_guidance": "10"},
        {"actor": "../elsewhere"},
        {"actor": None},
        {"preset": "fast"},
        {"speaker": ["left"]},
        {"precision": "fp8"},
        {"colour": "red"},
    ],
)
def test_bad_settings_name_the_setting(values: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=next(iter(values))):
        GenerateSettings.from_dict(values)


def test_odd_sized_plate_is_refused() -> None:
    with pytest.raises(SettingsError, match="even"):
        PlateSettings(width=641)


def test_actor_fills_in_only_what_was_left_open() -> None:
    resolved = GenerateSettings(face_guidance=0.0).resolved(face_guidance=4.0, body_guidance=3.0)
    assert resolved == GenerateSettings(
        steps=PRESETS["standard"].steps, precision="half", face_guidance=0.0, body_guidance=3.0
    )


def test_steps_of_ones_own_go_with_the_presets_solver() -> None:
    assert GenerateSettings().solver == PRESETS["standard"]
    assert GenerateSettings(preset="draft", steps=11).solver == Preset(11, order=2, precision="half")
    assert GenerateSettings(preset="reference", steps=11).solver == Preset(11, order=1, precision="full")


CAMERA = {
    "K": [[900, 0, 320], [0, 900, 360], [0, 0, 1]],
    "Rt": [[1, 0, 0, 0], [0, 0, -1, 1], [0, 1, 0, 4]],
    "width": 640,
    "height": 720,
}


def test_a_camera_travels_as_json():
    settings = PlateSettings(view=ViewCamera.from_dict(CAMERA), alpha=True, frames=(3, 9))
    assert settings.view.Rt[2] == (0.0, 1.0, 0.0, 4.0)
    assert PlateSettings.from_dict(json.loads(json.dumps(settings.to_dict()))) == settings
    assert list(settings.frames_of(9)) == [3, 4, 5, 6, 7, 8]
    with pytest.raises(SettingsError, match="the take has 8"):
        settings.frames_of(8)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"view": "back"}, "view is 'back'"),
        ({"view": {**CAMERA, "K": [[1, 2], [3, 4]]}}, "K is not 3 rows of 3"),
        ({"view": {**CAMERA, "K": [[0, 0, 1], [0, 1, 1], [0, 0, 1]]}}, "no pinhole camera"),
        ({"view": {**CAMERA, "Rt": [[2, 0, 0, 0], [0, 2, 0, 0], [0, 0, 2, 0]]}}, "rotation"),
        ({"view": {**CAMERA, "world": "moon"}}, "world is 'moon'"),
        ({"view": {"K": CAMERA["K"]}}, "Rt is missing"),
        ({"quality": "best"}, "quality is 'best'"),
        ({"alpha": 1}, "alpha is 1"),
        ({"frames": [5, 5]}, "the frame after the last is 5"),
        ({"frames": "all"}, "frames is 'all'"),
    ],
)
def test_views_that_cannot_be(values, sentence):
    with pytest.raises(SettingsError, match=sentence):
        PlateSettings.from_dict(values)
