"""A rig's bones under the names that another program expects."""

from __future__ import annotations

from kinematics.retarget.maps import BoneMap, known_family
from kinematics.retarget.rig import Rig


def family_names(rig: Rig, bone_map: BoneMap, family: str, prefix: str = "") -> dict[str, str]:
    """For each mapped bone that has a name in a family, that name; other bones are not in the result.

    prefix: put before every name, as Mixamo's "mixamorig:". A name that a bone outside the map bears already
    is not given twice: that bone gets ".old" at its end.
    """
    new: dict[str, str] = {}
    slots = known_family(family).slots
    for slot, bones in bone_map.bones.items():
        for bone, alternatives in zip(bones, slots.get(slot, ()), strict=False):
            new[bone] = prefix + alternatives[0]
    taken = set(new.values())
    for bone in rig.names:
        if bone not in new and bone in taken:
            new[bone] = f"{bone}.old"
    return new
