"""The humanoid's vocabulary: slots, which bones of any rig fill.

A slot holds one bone or a chain of bones, from the body outward: the spine has one to five or more. Limbs
have the sides ".L" and ".R", the character's own left and right.
"""

from __future__ import annotations

FINGERS = ("index", "middle", "ring", "pinky")
"""The four fingers in order from the thumb, which is a slot of its own."""

SIDES = ("L", "R")

CENTRE_SLOTS = ("root", "hips", "spine", "neck", "head", "jaw")

SIDED_SLOTS = (
    "eye",
    "clavicle",
    "upper_arm",
    "upper_arm_twist",
    "forearm",
    "forearm_twist",
    "hand",
    "thumb",
    *FINGERS,
    *(f"{finger}_metacarpal" for finger in FINGERS),
    "thigh",
    "thigh_twist",
    "shin",
    "shin_twist",
    "foot",
    "toe",
)

CHAIN_SLOTS = frozenset(
    {"hips", "spine", "neck", "clavicle", "thumb", *FINGERS}
    | {f"{limb}_twist" for limb in ("upper_arm", "forearm", "thigh", "shin")}
)
"""Slots that may hold more than one bone; `hand` and the others hold one. Of several hips the first moves."""

LIMBS = (("upper_arm", "forearm", "hand"), ("thigh", "shin", "foot"))
"""The two-bone limbs: upper bone, lower bone, end."""


def sided(slot: str, side: str) -> str:
    """The slot of one side: ("hand", "L") -> "hand.L"."""
    return f"{slot}.{side}"


SLOTS = (*CENTRE_SLOTS, *(sided(slot, side) for side in SIDES for slot in SIDED_SLOTS))

CORE = ("hips", "spine", "head", *(sided(slot, side) for side in SIDES for limb in LIMBS for slot in limb))
"""What makes a humanoid: a figure without these is described incompletely."""

_ABOVE = {
    "spine": ("hips",),
    "neck": ("spine", "hips"),
    "head": ("neck", "spine", "hips"),
    "jaw": ("head",),
    "eye": ("head",),
    "clavicle": ("spine", "hips"),
    "upper_arm": ("clavicle", "spine", "hips"),
    "upper_arm_twist": ("upper_arm",),
    "forearm": ("upper_arm",),
    "forearm_twist": ("forearm",),
    "hand": ("forearm",),
    "thumb": ("hand",),
    **dict.fromkeys(FINGERS, ("hand",)),
    **{f"{finger}_metacarpal": ("hand",) for finger in FINGERS},
    "thigh": ("hips",),
    "thigh_twist": ("thigh",),
    "shin": ("thigh",),
    "shin_twist": ("shin",),
    "foot": ("shin",),
    "toe": ("foot",),
}


def slots_above(slot: str) -> tuple[str, ...]:
    """The slots that may carry a slot, nearest first: "hand.L" -> ("forearm.L",)."""
    name, _, side = slot.partition(".")
    return tuple(f"{above}.{side}" if above in SIDED_SLOTS else above for above in _ABOVE.get(name, ()))
