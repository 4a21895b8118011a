"""Bone maps: which bones fill the humanoid's slots, and the files that hold them.

A map file is JSON: {"label": "Mixamo", "marks": ["mixamorig"], "sides": ["Left", "Right"], "bones": {"hips":
"Hips", "hand": "{side}Hand", ...}}. A slot's value is a bone's name, or a list of names for a chain; "a|b"
offers alternatives. A slot written without a side stands for both, "{side}" for their names. Marks are parts
of names that tell families apart whose bones are called alike. What differs from a plain copy may stand under
"corrections": {"hand.L": {"offset": [0, 15, 0], "influence": 0.8}}, see `corrections.Correction`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from kinematics.errors import A2PError
from kinematics.files import atomic_write, read_json
from kinematics.retarget import names
from kinematics.retarget.corrections import PLAIN, Correction, CorrectionError
from kinematics.retarget.rig import Rig
from kinematics.retarget.slots import CHAIN_SLOTS, SIDED_SLOTS, SIDES, SLOTS, sided

_LIBRARY = Path(__file__).parent / "families"
_SIDE = "{side}"
_LARGEST_FILE = 1 << 20


class MapError(A2PError):
    """A map file that cannot be used, or a map that does not fit a rig."""


@dataclass(frozen=True)
class BoneMap:
    """bones: for each filled slot the names of its bones, from the body outward.

    corrections: of slots whose bones are not to be plain copies; a target's count, a source's do not.
    """

    label: str
    bones: Mapping[str, tuple[str, ...]]
    corrections: Mapping[str, Correction] = field(default_factory=dict)

    def __getitem__(self, slot: str) -> tuple[str, ...]:
        """The bones in a slot; none where it is empty."""
        return self.bones.get(slot, ())

    def indices(self, rig: Rig) -> dict[str, tuple[int, ...]]:
        """The same as bone numbers of a rig. MapError where the rig lacks a bone, or one is used twice."""
        used: dict[str, str] = {}
        for slot, bones in self.bones.items():
            for bone in bones:
                if bone not in rig:
                    raise MapError(
                        f"The map {self.label} puts {bone} in {slot}, but the rig has no such bone."
                    )
                if bone in used:
                    raise MapError(f"The map {self.label} uses {bone} twice: in {used[bone]} and {slot}.")
                used[bone] = slot
        return {slot: tuple(map(rig.index, bones)) for slot, bones in self.bones.items() if bones}


@dataclass(frozen=True)
class Family:
    """The names of a kind of rig.

    key: name of its file. slots: alternatives for each bone of each slot. marks: what tells it from its like.
    corrections: of slots, for a map of the user's.
    """

    key: str
    label: str
    slots: Mapping[str, tuple[tuple[str, ...], ...]]
    marks: tuple[str, ...] = ()
    corrections: Mapping[str, Correction] = field(default_factory=dict)

    def find(self, rig_names: Sequence[str], reading: Sequence[names.BoneName]) -> dict[str, tuple[int, ...]]:
        """The bones of a rig that bear this family's names.

        rig_names: as they are; an exact match goes before all others. reading: the same names, read by
        `names.readings`. A bone fills one slot only: the first in the family's order.
        """
        # Bones of one name: the first, which is the nearest to the root, counts.
        exact = {name: bone for bone, name in reversed(list(enumerate(rig_names)))}
        read = {name: bone for bone, name in reversed(list(enumerate(reading)))}
        plain = {name.plain: bone for bone, name in reversed(list(enumerate(reading)))}
        used: set[int] = set()
        found = {}
        for slot, chain in self.slots.items():
            bones = []
            for alternatives in chain:
                candidates = (
                    candidate
                    for name, parsed in ((name, _parse(name)) for name in alternatives)
                    for candidate in (exact.get(name), read.get(parsed), plain.get(parsed.plain))
                )
                bone = next((bone for bone in candidates if bone is not None and bone not in used), None)
                if bone is not None:
                    bones.append(bone)
                    used.add(bone)
            if bones:
                found[slot] = tuple(bones)
        return found

    def map_of(self, rig: Rig, found: Mapping[str, Sequence[int]]) -> BoneMap:
        """A map of the bones that were found in a rig, with the corrections of this family."""
        bones = {slot: tuple(rig.names[bone] for bone in found[slot]) for slot in SLOTS if slot in found}
        return BoneMap(self.label, bones, self.corrections)

    def marked(self, rig_names: Iterable[str]) -> int:
        """1 where a bone bears one of the marks, -1 where none does, 0 for a family without marks."""
        if not self.marks:
            return 0
        return 1 if any(mark in name for name in rig_names for mark in self.marks) else -1


@cache
def known_families() -> tuple[Family, ...]:
    """The families whose maps come with this package."""
    return tuple(read_map(path) for path in sorted(_LIBRARY.glob("*.json")))


@cache
def known_family(key: str) -> Family:
    """One family that comes with this package."""
    return next(family for family in known_families() if family.key == key)


def read_map(path: str | Path) -> Family:
    """A map file, known or a user's. Raises MapError where it cannot be used."""
    path = Path(path)
    try:
        document = read_json(path, _LARGEST_FILE)
    except OSError as error:
        raise MapError(f"The map {path} cannot be opened: {error.strerror}.") from error
    except ValueError as error:
        raise MapError(f"The map {path} is not JSON that can be read: {error}.") from error
    try:
        slots: dict[str, tuple[tuple[str, ...], ...]] = {}
        spelled = [str(side) for side in document.get("sides", SIDES)]
        for slot, value in document["bones"].items():
            for key, chain in _expand(str(slot), value, spelled).items():
                if key not in SLOTS:
                    raise MapError(f"The map {path} has the slot '{slot}', which is none of a humanoid's.")
                if len(chain) > 1 and key.partition(".")[0] not in CHAIN_SLOTS:
                    raise MapError(f"The map {path} puts {len(chain)} bones in '{slot}', which holds one.")
                slots[key] = chain
        marks = tuple(map(str, document.get("marks", ())))
        label = str(document.get("label", path.stem))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise MapError(f"The map {path} needs an object 'bones' of slots and bone names.") from error
    return Family(path.stem, label, slots, marks, _read_corrections(path, document.get("corrections", {})))


def save_map(path: str | Path, bone_map: BoneMap) -> None:
    """Writes a map so that `read_map` brings it back; the file appears whole or not at all."""
    path = Path(path)
    document: dict[str, Any] = {
        "label": bone_map.label,
        "bones": {slot: list(names) for slot, names in bone_map.bones.items()},
    }
    corrections = {
        slot: {"offset": list(correction.offset), "influence": correction.influence}
        for slot, correction in bone_map.corrections.items()
        if not correction.is_plain
    }
    if corrections:
        document["corrections"] = corrections
    text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    try:
        with atomic_write(path) as file:
            file.write(text.encode())
    except OSError as error:
        raise MapError(f"The map {path} cannot be written: {error.strerror}.") from error


def _read_corrections(path: Path, document: Any) -> dict[str, Correction]:
    if not isinstance(document, dict):
        raise MapError(f"The map {path} has 'corrections' that are no object of slots.")
    corrections = {}
    for slot, value in document.items():
        keys = [sided(slot, side) for side in SIDES] if slot in SIDED_SLOTS else [slot]
        if not set(SLOTS).issuperset(keys):
            raise MapError(f"The map {path} corrects '{slot}', which is none of a humanoid's slots.")
        try:
            unknown = set(value) - {"offset", "influence"}
            correction = Correction(
                tuple(value.get("offset", PLAIN.offset)), value.get("influence", PLAIN.influence)
            )
        except CorrectionError as error:
            raise MapError(f"The map {path} cannot correct '{slot}': {error}") from error
        except (AttributeError, TypeError, ValueError) as error:
            raise MapError(
                f"The map {path} corrects '{slot}' with {json.dumps(value)}: "
                'write {"offset": [X, Y, Z], "influence": 1}.'
            ) from error
        if unknown:
            raise MapError(
                f"The map {path} corrects the {sorted(unknown)[0]} of '{slot}': only offset and influence "
                "can be corrected."
            )
        corrections.update(dict.fromkeys(keys, correction))
    return corrections


def _expand(slot: str, value: Any, spelled: Sequence[str]) -> dict[str, tuple[tuple[str, ...], ...]]:
    chain = tuple(tuple(str(bone).split("|")) for bone in ([value] if isinstance(value, str) else value))
    if slot not in SIDED_SLOTS:
        return {slot: chain}
    return {
        sided(slot, side): tuple(tuple(name.replace(_SIDE, word) for name in bone) for bone in chain)
        for side, word in zip(SIDES, spelled, strict=True)
    }


@cache
def _parse(name: str) -> names.BoneName:
    return names.parse(name)
