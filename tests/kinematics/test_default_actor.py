"""The default actor's files are what their generator makes, and its two parameter texts say the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import kinematics.actors.default
from kinematics.actors.default import make
from kinematics.body import load_default_body
from kinematics.parameters import read_parameters

FOLDER = Path(kinematics.actors.default.__file__).parent


def test_files_are_what_the_generator_makes(tmp_path):
    make.main(tmp_path)
    made = {path.name for path in tmp_path.iterdir()}
    assert made == {"body.json", "parameters.model", "parameters.cfg", "parameters.csv"}
    for name in made:
        assert (tmp_path / name).read_bytes() == (FOLDER / name).read_bytes(), name


def test_both_parameter_texts_say_the_same():
    body = load_default_body()
    cfg = read_parameters(FOLDER / "parameters.cfg", body.skeleton)
    assert cfg.names == body.transform.names
    assert (
        (cfg.pose_count, cfg.scale_count)
        == (body.transform.pose_count, body.transform.scale_count)
        == (104, 6)
    )
    np.testing.assert_array_equal(cfg.matrix, body.transform.matrix)
    assert cfg.limits == body.transform.limits


def test_left_and_right_mirror_each_other():
    """Equal parameters on both sides put the joints of one side at the mirror image of the other's."""
    body = load_default_body()
    pose = np.zeros(104)
    random = np.random.default_rng(0)
    for right, left in ((16, 28), (40, 49), (58, 81)):
        count = {16: 12, 40: 9, 58: 23}[right]
        pose[right : right + count] = pose[left : left + count] = random.uniform(-0.3, 0.5, count)
    at = dict(zip(body.skeleton.names, body.global_states(pose).translation, strict=True))
    for name, position in at.items():
        if "_l_" in name:
            assert at[name.replace("_l_", "_r_")] == pytest.approx(position * [-1, 1, 1], abs=1e-5)
