"""Finds the humanoid in a rig: by its names, or else by its shape.

A family's names count only where the bones hang together as a humanoid's do, and the figure that they make
must stand on two legs: names alone would make a person of a fox.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kinematics.retarget import names
from kinematics.retarget.figure import Figure, unit
from kinematics.retarget.maps import BoneMap, Family, known_families
from kinematics.retarget.rig import Rig, RigError
from kinematics.retarget.slots import CORE, SIDES, SLOTS, sided, slots_above
from kinematics.retarget.structure import find_by_structure

_GENERIC = "generic"
_STRUCTURE = "structure"
_ENOUGH = 0.8
"""Part of the core bones without which a map is not taken for a humanoid."""
_UPRIGHT_DEGREES = 120.0
"""A humanoid's legs point away from its spine; an animal's stand across it."""
_CERTAINTY = {_GENERIC: 0.85, _STRUCTURE: 0.7}
_OPTIONAL = re.compile("root|jaw|eye|twist|metacarpal")
"""Slots whose lack is not worth a word."""


@dataclass(frozen=True)
class Detection:
    """What was found.

    family: key of the map that fits, "structure" where the shape alone told, "" where nothing did.
    bone_map: what was found, even where it is too little. humanoid: whether it can carry a humanoid's motion.
    confidence: 0 to 1. missing: slots of the family, or core slots, that the rig lacks.
    reasons: sentences for the user.
    """

    family: str
    bone_map: BoneMap
    humanoid: bool
    confidence: float
    missing: tuple[str, ...]
    reasons: tuple[str, ...]

    @property
    def objections(self) -> str:
        """What speaks against the rig, to end a sentence: the reasons without the one that sums up."""
        said = self.reasons[1:] if self.bone_map.bones else self.reasons
        return "; ".join(reason[0].lower() + reason[1:].rstrip(".") for reason in said) + "."


@dataclass(frozen=True)
class _Match:
    family: Family | None
    bones: dict[str, tuple[int, ...]]
    dropped: tuple[str, ...]
    rank: tuple[float, ...]

    @property
    def key(self) -> str:
        return self.family.key if self.family else _STRUCTURE

    @property
    def core(self) -> float:
        return _core_part(self.bones)


def detect(rig: Rig, user_maps: Iterable[Family] = ()) -> Detection:
    """The best map for a rig. Maps of the user's own are tried first, then the known ones, then its shape."""
    readings = list(names.readings(rig.names))
    best: _Match | None = None
    for families in (tuple(user_maps), known_families()):
        matches = [_match(rig, family, reading) for family in families for reading in readings]
        best = max(matches, key=lambda match: match.rank, default=None)
        if best is not None and best.core >= _ENOUGH:
            return _judge(rig, best)
    shaped, reason = find_by_structure(rig)
    if shaped and (best is None or _core_part(shaped) > best.core):
        return _judge(rig, _Match(None, shaped, (), ()))
    if best is None or best.core == 0:
        return Detection(
            "", BoneMap("", {}), False, 0.0, CORE, (reason or "No bone name is known.", _BY_HAND)
        )
    return _judge(rig, best, reason)


_BY_HAND = "Fill the slots by hand to use this rig all the same."


def _core_part(bones: Mapping[str, object]) -> float:
    return sum(slot in bones for slot in CORE) / len(CORE)


def _match(rig: Rig, family: Family, reading: Sequence[names.BoneName]) -> _Match:
    bones, dropped = _hang_together(rig, family.find(rig.names, reading))
    # A bone that constraints hold cannot be keyed: a control rig's controls go before its deform bones.
    count = sum(bone not in rig.follows for chain in bones.values() for bone in chain)
    rank = (_core_part(bones), family.key != _GENERIC, count, family.marked(rig.names))
    return _Match(family, bones, dropped, rank)


def _hang_together(
    rig: Rig, bones: dict[str, tuple[int, ...]]
) -> tuple[dict[str, tuple[int, ...]], tuple[str, ...]]:
    """The slots whose bones are carried by those of the slots above them, and the names of the others."""
    bones = _move_hips(rig, bones)
    kept: dict[str, tuple[int, ...]] = {}
    for slot in SLOTS:
        above = next((kept[name] for name in slots_above(slot) if name in kept), ())
        chain: list[int] = []
        for bone in bones.get(slot, ()):
            # A spine may turn about its middle, where the hips carry both ends of it.
            carriers = (*chain[-1:], *above) if slot == "spine" or not chain else chain[-1:]
            held = any(rig.is_carried_by(bone, carrier) for carrier in carriers)
            if held or not carriers or _is_loose_end(rig, slot, bone):
                chain.append(bone)
        if chain:
            kept[slot] = tuple(chain)
    dropped = [rig.names[bone] for slot in bones for bone in bones[slot] if bone not in kept.get(slot, ())]
    return kept, tuple(dropped)


def _is_loose_end(rig: Rig, slot: str, bone: int) -> bool:
    """Some rigs' feet hang from the root, for inverse kinematics; some have no one bone for the palm."""
    name = slot.partition(".")[0]
    if name == "foot":
        return next(rig.carriers(bone), -1) in _roots(rig)
    return name in ("thumb", "index", "middle", "ring", "pinky") or name.endswith("_metacarpal")


def _roots(rig: Rig) -> set[int]:
    """Bones without a parent, and -1."""
    return {-1, *np.flatnonzero(rig.parents < 0).tolist()}


def _move_hips(rig: Rig, bones: dict[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    """Where the legs do not hang from the bone called hips, what carries all of them is the hips instead."""
    members = [bones[slot][0] for slot in ("hips", "thigh.L", "thigh.R") if slot in bones]
    if "hips" not in bones or len(members) < 3:
        return bones
    hips, *thighs = members
    if all(rig.is_carried_by(thigh, hips) for thigh in thighs):
        return bones
    shared = [bone for bone in rig.carriers(hips) if all(rig.is_carried_by(thigh, bone) for thigh in thighs)]
    if not shared:
        return bones
    moved = {**bones, "hips": (shared[0],)}
    spine = bones.get("spine", ())
    if spine and rig.is_carried_by(spine[0], hips):
        moved["spine"] = (hips, *spine)
    if bones.get("root") == moved["hips"]:
        del moved["root"]
    return moved


def _judge(rig: Rig, match: _Match, structure_reason: str = "") -> Detection:
    family = match.family or Family(_STRUCTURE, "Found by shape", {})
    bone_map = family.map_of(rig, match.bones)
    expected = set(CORE) | (set(match.family.slots) if match.family and match.key != _GENERIC else set())
    missing = tuple(
        slot for slot in SLOTS if slot in expected and slot not in match.bones and not _OPTIONAL.search(slot)
    )
    reasons = [_summary(match)]
    if match.dropped:
        reasons.append(f"Left out, because they hang elsewhere than a humanoid's: {_listed(match.dropped)}.")
    faults = _faults(rig, match.bones)
    reasons += faults
    absent = [slot for slot in CORE if slot not in match.bones]
    if absent:
        reasons.append(f"Not found: {_listed(absent)}.")
    humanoid = not faults and match.core >= _ENOUGH and "hips" in match.bones
    confidence = match.core * _CERTAINTY.get(match.key, 1.0) * (1.0 if humanoid else 0.3)
    if humanoid and not _sides_agree(rig, match.bones):
        reasons.append("Left and right may be exchanged: the feet point backward.")
        confidence *= 0.6
    if not humanoid:
        reasons += [structure_reason] if structure_reason and not faults else []
        reasons.append(_BY_HAND)
    confidence -= min(0.2, 0.02 * len(missing)) if humanoid else 0.0
    return Detection(match.key, bone_map, humanoid, round(max(confidence, 0.0), 3), missing, tuple(reasons))


def _summary(match: _Match) -> str:
    count = sum(map(len, match.bones.values()))
    if match.family is None:
        return f"{count} bones were told by their shape; their names are not known."
    return f"{count} bones bear names of {match.family.label}."


def _listed(items: Iterable[str], most: int = 6) -> str:
    shown = list(items)
    return ", ".join(shown[:most]) + (f" and {len(shown) - most} more" if len(shown) > most else "")


def _faults(rig: Rig, bones: Mapping[str, tuple[int, ...]]) -> list[str]:
    """What makes the figure no humanoid: a sentence each."""
    figure = Figure(rig, bones)
    feet = [figure.point(sided(slot, side)) for side in SIDES for slot in ("foot", "shin")]
    legs = [point for point in feet if point is not None]
    if "hips" not in bones or not legs:
        return []
    try:
        chest = figure.shoulder_centre if "spine" in bones else figure.hip_centre + figure.up
        spine, left = unit(chest - figure.hip_centre), figure.frame[:, 0]
    except RigError as error:
        return [str(error)]
    leg = unit(np.mean(legs, axis=0) - figure.hip_centre)
    arms = figure.direction("upper_arm.R", "upper_arm.L")
    faults = []
    if spine is None or leg is None:
        faults.append("It is not a humanoid: hips, chest and feet are in one place.")
    elif (angle := np.degrees(np.arccos(np.clip(spine @ leg, -1, 1)))) < _UPRIGHT_DEGREES:
        faults.append(f"It does not stand upright: its legs are {angle:.0f} degrees from its spine, not 180.")
    if arms is not None and arms @ left < 0.5:
        faults.append("It is not a humanoid: the arms' left is not the legs' left.")
    return faults


def _sides_agree(rig: Rig, bones: Mapping[str, tuple[int, ...]]) -> bool:
    """Whether the toes point forward, as left and right say where that is."""
    figure = Figure(rig, bones)
    toes = [figure.direction(sided("foot", side), sided("toe", side)) for side in SIDES]
    return all(toe is None or toe @ figure.frame[:, 2] > -0.3 for toe in toes)
