"""The solver: a source's motion as rotations and locations to key on another rig.

Nothing depends on the unit, place or turn of the target's object; its uneven scale is taken into account.
"""

from __future__ import annotations

from dataclasses import dataclass

from kinematics.retarget.contacts import find_contacts
from kinematics.retarget.figure import Figure
from kinematics.retarget.maps import BoneMap
from kinematics.retarget.pose import Pose, RigMotion
from kinematics.retarget.rig import Rig
from kinematics.retarget.source import SourceMotion
from kinematics.retarget.task import Task

__all__ = ["RetargetOptions", "RigMotion", "retarget"]


@dataclass(frozen=True)
class RetargetOptions:
    """plant_feet: hold feet still while the source's stand.
    reach_hands: keep hands near where they are seen from between the shoulders, in arm lengths.
    start_at_rest: begin at the rest pose's place, not the source's.
    """

    plant_feet: bool = False
    reach_hands: bool = False
    start_at_rest: bool = False


def retarget(
    source: SourceMotion, rig: Rig, bone_map: BoneMap, options: RetargetOptions | None = None
) -> RigMotion:
    """Copies a motion to a rig. RigError or MapError where the maps do not suffice, in words for the user."""
    options = options or RetargetOptions()
    task = Task(source, Figure(rig, bone_map.indices(rig)))
    pose = Pose(task)
    contacts = find_contacts(source, pose.target)
    pose.stand_on_floor(contacts)
    if options.start_at_rest:
        pose.start_at_rest()
    if options.plant_feet:
        pose.plant_feet(contacts)
    if options.reach_hands:
        pose.reach_hands()
    return pose.motion()
