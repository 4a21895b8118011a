"""The solver: a source's motion as rotations and locations to key on another rig.

Nothing depends on the unit, place or turn of the target's object; its uneven scale is taken into account.
"""

from __future__ import annotations

from kinematics.retarget.contacts import find_contacts
from kinematics.retarget.figure import Figure
from kinematics.retarget.maps import BoneMap
from kinematics.retarget.options import RetargetOptions
from kinematics.retarget.planting import plant_feet
from kinematics.retarget.pose import Pose, RigMotion
from kinematics.retarget.reaching import reach_hands
from kinematics.retarget.rig import Rig
from kinematics.retarget.slots import FINGERS
from kinematics.retarget.soles import level_feet
from kinematics.retarget.source import SourceMotion
from kinematics.retarget.task import Task

__all__ = ["RigMotion", "retarget"]


def retarget(
    source: SourceMotion, rig: Rig, bone_map: BoneMap, options: RetargetOptions | None = None
) -> RigMotion:
    """Copies a motion to a rig. RigError or MapError where the maps do not suffice, in words for the user."""
    options = options or RetargetOptions()
    if not options.fingers:
        bone_map = _without_fingers(bone_map)
    task = Task(source, Figure(rig, bone_map.indices(rig)))
    pose = Pose(task)
    contacts = find_contacts(source, pose.target)
    level_feet(pose, contacts)
    if options.reach_hands:
        reach_hands(pose)
    # Hands that reach would undo corrections of the arms; feet stand where corrected legs bring them.
    pose.correct(bone_map.corrections)
    pose.stand_on_floor(contacts)
    if options.start_at_rest:
        pose.start_at_rest()
    if options.hips_height != 1.0:
        pose.raise_hips(options.hips_height)
    if options.plant_feet:
        plant_feet(pose, contacts)
    if options.root_motion == "root":
        pose.travel_by_root()
    elif options.root_motion == "none":
        pose.stay_in_place()
    return pose.motion()


def _without_fingers(bone_map: BoneMap) -> BoneMap:
    dropped = ("thumb", *FINGERS, *(f"{finger}_metacarpal" for finger in FINGERS))
    kept = {slot: bones for slot, bones in bone_map.bones.items() if slot.partition(".")[0] not in dropped}
    return BoneMap(bone_map.label, kept, bone_map.corrections)
