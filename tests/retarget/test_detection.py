"""Which bones of a rig are the humanoid's."""

from __future__ import annotations

import json

import numpy as np
import pytest

from kinematics.retarget import names
from kinematics.retarget.detection import detect
from kinematics.retarget.maps import BoneMap, MapError, known_families, known_family, read_map, save_map
from kinematics.retarget.rig import Rig, RigError
from tests.retarget.figures import Y_UP_FACING_Z, Z_UP_FACING_X, Build, figure, named_figure

FAMILIES = [family.key for family in known_families()]
LIKE_ANOTHER = {"mixamo": {"ready_player_me"}}
"""Families whose bones bear the same names, but for a prefix that is not in the map."""


@pytest.mark.parametrize(
    ("name", "side", "base"),
    [
        ("mixamorig:LeftForeArm", "L", "forearm"),
        ("Armature|left_fore_arm", "L", "forearm"),
        ("ForeArm.R", "R", "forearm"),
        ("DEF-upper_arm.L.001", "L", "defupperarm001"),
        ("lShldr", "L", "shldr"),
        ("RHipJoint", "R", "hipjoint"),
        ("Bip01 R Finger01", "R", "bip01finger01"),
        ("leftupperarm", "L", "upperarm"),
        ("左ひじ", "L", "ひじ"),
        ("右人指１", "R", "人指1"),
        ("Pelvis", "", "pelvis"),
        ("l", "", "l"),
    ],
)
def test_names_are_read(name, side, base):
    assert names.parse(name) == (side, base)


def test_glued_side_letters_need_their_pair():
    (reading,) = names.readings(["lhand", "rhand", "lip", "spine", "legl", "legr"])
    assert [name.side for name in reading] == ["L", "R", "", "", "L", "R"]


@pytest.mark.parametrize("key", FAMILIES)
def test_each_family_is_known_by_its_names(key):
    rig, truth = named_figure(known_family(key))
    found = detect(rig)
    assert found.family in {key} | LIKE_ANOTHER.get(key, set())
    assert found.humanoid
    assert found.confidence > 0.8
    assert found.bone_map.bones == truth.bones


@pytest.mark.parametrize(
    ("key", "decorate"),
    [
        ("mixamo", lambda name: f"Amy:{name}"),
        ("mixamo", lambda name: f"{name.upper()}"),
        ("mixamo", lambda name: f"{name}_037"),
        ("unreal", lambda name: f"{name}.001"),
        ("unreal", lambda name: f"root|{name}"),
        ("biped", lambda name: f"Bip001 {name}"),
        ("biped", lambda name: f"Ivan Petrov {name}"),
        ("vroid", lambda name: name.lower()),
        ("makehuman", lambda name: name.replace(".", "_")),
    ],
)
def test_prefixes_and_suffixes_do_no_harm(key, decorate):
    rig, truth = named_figure(known_family(key), decorate)
    found = detect(rig)
    core = {slot: bones for slot, bones in truth.bones.items() if slot != "root"}
    assert {slot: found.bone_map[slot] for slot in core} == core


@pytest.mark.parametrize(
    ("key", "name", "slot"),
    [
        ("cmu", "LeftShoulder", "clavicle.L"),
        ("daz_poser", "lShldr", "upper_arm.L"),
        ("smpl", "L_Shoulder", "upper_arm.L"),
        ("rigify_metarig", "spine", "hips"),
        ("biped", "L Finger1", "index.L"),
        ("biped", "L Finger01", "thumb.L"),
    ],
)
def test_one_name_means_different_bones(key, name, slot):
    rig, _ = named_figure(known_family(key))
    assert name in detect(rig).bone_map[slot]


@pytest.mark.parametrize(
    "build",
    [
        Build(),
        Build(arms_down=45, elbow=25, rolled=True, axes=Y_UP_FACING_Z),
        Build(axes=Z_UP_FACING_X, unit=100.0, counts={"spine": 5, "neck": 2, "root": 0}),
        Build(counts={"clavicle": 0, "toe": 0, "neck": 0}),
        Build(counts={"middle": 0, "ring": 0, "pinky": 0}),
    ],
    ids=["T", "A, Y up, rolled", "facing X, cm", "bare", "two fingers"],
)
def test_shape_tells_where_names_do_not(build):
    rig, truth = figure(build)
    nameless = Rig(tuple(f"Knochen{n}" for n in range(len(rig))), rig.parents, rig.rest)
    found = detect(nameless)
    assert found.family == "structure"
    assert found.humanoid
    numbers = {
        slot: tuple(rig.names[nameless.index(bone)] for bone in bones)
        for slot, bones in found.bone_map.bones.items()
    }
    assert numbers == {
        slot: bones for slot, bones in truth.bones.items() if slot not in ("root", "toe.L")
    } | ({} if build.counts.get("toe") == 0 else {"toe.L": truth.bones["toe.L"]})


def test_braids_may_have_any_number_of_bones():
    rig, truth = figure(Build())
    head, length = rig.index(truth.bones["head"][0]), 1100
    braids = np.tile(np.eye(4), (2 * length, 1, 1))
    braids[:, :3, 3] = rig.heads[head]
    for first, sign in ((0, 1), (length, -1)):
        braids[first : first + length, 0, 3] += 0.05 * sign
        braids[first : first + length, 2, 3] -= np.linspace(0, 0.4, length)
    parents = len(rig) - 1 + np.arange(2 * length)
    parents[[0, length]] = head
    braided = Rig(
        tuple(f"Knochen{number}" for number in range(len(rig) + 2 * length)),
        np.concatenate([rig.parents, parents]),
        np.concatenate([rig.rest, braids]),
    )
    found = detect(braided)
    assert found.family == "structure"
    assert found.bone_map["hand.L"] == (f"Knochen{rig.index(truth.bones['hand.L'][0])}",)


def quadruped(bone_names):
    """Hips, spine and head level, four legs down."""
    points = {"hips": (0, 0.5, 1), "spine": (0, 0.1, 1), "chest": (0, -0.4, 1), "neck": (0, -0.6, 1.1)}
    points["head"] = (0, -0.8, 1.2)
    parents = {"hips": None, "spine": "hips", "chest": "spine", "neck": "chest", "head": "neck"}
    for side, x in (("L", 0.15), ("R", -0.15)):
        for leg, y, top in (("front", -0.4, "chest"), ("back", 0.5, "hips")):
            above = top
            for number, z in enumerate((0.9, 0.6, 0.3, 0.05)):
                points[f"{leg}{number}.{side}"] = (x, y, z)
                parents[f"{leg}{number}.{side}"], above = above, f"{leg}{number}.{side}"
    order = list(points)
    rest = np.tile(np.eye(4), (len(order), 1, 1))
    rest[:, :3, 3] = [points[name] for name in order]
    numbers = [-1 if parents[name] is None else order.index(parents[name]) for name in order]
    return Rig(tuple(bone_names.get(name, name) for name in order), np.array(numbers), rest)


def test_what_speaks_against_a_rig_ends_a_sentence():
    nothing = detect(Rig(("a", "b"), np.array([-1, 0]), np.tile(np.eye(4), (2, 1, 1))))
    for found in (nothing, detect(quadruped({}))):
        assert found.objections[0].islower()
        assert found.objections.count(". ") == 0
        assert found.objections.endswith("by hand to use this rig all the same.")
        assert len(found.objections) > 60


def test_four_legs_are_no_humanoid():
    fox = quadruped({})
    found = detect(fox)
    assert not found.humanoid
    assert any("animal" in reason for reason in found.reasons)
    # Not even when its legs are called arms.
    arms = {
        f"front{n}.{side}": f"{side}_{word}"
        for side in "LR"
        for n, word in enumerate(("clavicle", "upperarm", "forearm", "hand"))
    }
    legs = {
        f"back{n}.{side}": f"{side}_{word}"
        for side in "LR"
        for n, word in enumerate(("thigh", "shin", "foot", "toe"))
    }
    found = detect(quadruped(arms | legs))
    assert len(found.bone_map.bones) > 15
    assert not found.humanoid
    assert any("upright" in reason for reason in found.reasons)


@pytest.mark.parametrize("slot", ["hips", "thigh.L", "head"])
def test_what_lacks_is_said(slot):
    rig, truth = named_figure(known_family("mixamo"))
    renamed = tuple("Was anderes" if name == truth[slot][0] else name for name in rig.names)
    found = detect(Rig(renamed, rig.parents, rig.rest))
    assert slot in found.missing
    assert any("Not found" in reason for reason in found.reasons)
    # Motion cannot go without hips; the rest is the user's to decide.
    assert found.humanoid == (slot != "hips")


def test_a_user_s_map_goes_first_and_survives_saving(tmp_path):
    rig, truth = named_figure(known_family("mixamo"))
    mine = BoneMap(
        "mine",
        {
            **truth.bones,
            "hand.L": truth["forearm.L"],
            "forearm.L": truth["upper_arm.L"],
            "upper_arm.L": truth["clavicle.L"],
            "clavicle.L": (),
        },
    )
    path = tmp_path / "mine.json"
    save_map(path, mine)
    found = detect(rig, [read_map(path)])
    assert found.family == "mine"
    assert found.bone_map["upper_arm.L"] == truth["clavicle.L"]
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "nested too deeply"),
        (" " * (1 << 20) + "{}", "larger than"),
        ("[]", "needs an object"),
        (json.dumps({"bones": {"tail": "Tail"}}), "'tail'"),
        (json.dumps({"bones": {"hand.L": ["a", "b"]}}), "holds one"),
    ],
)
def test_bad_maps_are_explained(tmp_path, text, words):
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(MapError, match=words):
        read_map(path)


def test_a_map_must_fit_its_rig():
    rig, truth = figure(Build())
    with pytest.raises(MapError, match="no such bone"):
        BoneMap("x", {"hips": ("Tail",)}).indices(rig)
    with pytest.raises(MapError, match="twice"):
        BoneMap("x", {"hips": truth["hips"], "spine": truth["hips"]}).indices(rig)


def test_a_rig_with_numbers_that_are_none_is_refused():
    rig, _ = figure(Build())
    rest = rig.rest.copy()
    rest[3, 0, 3] = np.nan
    with pytest.raises(RigError, match="not finite"):
        Rig(rig.names, rig.parents, rest)
