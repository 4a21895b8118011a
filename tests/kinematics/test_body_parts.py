from __future__ import annotations

import re

import pytest

from kinematics.body import load_default_body
from kinematics.body_parts import BODY_PARTS

NAMES = {
    "root": r"root_.*",
    "torso": r"spine_.*",
    "head": r"(neck|head)_.*",
    "right_arm": r"r_(clavicle|scap|shoulder|uparm|elbow|forearm|wrist)_.*",
    "left_arm": r"l_(clavicle|scap|shoulder|uparm|elbow|forearm|wrist)_.*",
    "legs": r"[lr]_(hip|knee|shin|ankle|subtalar|midfoot|toe)_.*",
    "right_hand": r"r_(index|middle|ring|pinky|thumb)\d_.*",
    "left_hand": r"l_(index|middle|ring|pinky|thumb)\d_.*",
}


@pytest.mark.parametrize("part", BODY_PARTS)
def test_a_part_holds_the_parameters_of_its_name_and_no_others(part: str) -> None:
    names = load_default_body().transform.names[:104]
    named = [i for i, name in enumerate(names) if re.fullmatch(NAMES[part], name)]
    assert list(BODY_PARTS[part]) == named


def test_every_parameter_belongs_to_one_part() -> None:
    assert sorted(i for part in BODY_PARTS.values() for i in part) == list(range(104))
