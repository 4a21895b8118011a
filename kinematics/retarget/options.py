"""How a motion is to be copied: what a user may choose, and the defaults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

RootMotion: TypeAlias = Literal["hips", "root", "none"]
ROOT_MOTIONS: tuple[RootMotion, ...] = get_args(RootMotion)


@dataclass(frozen=True)
class RetargetOptions:
    """plant_feet: hold feet still while the source's stand; the hips go along.
    reach_hands: keep hands near where they are seen from the chest, in arm lengths, as far as the shoulders
        and a few degrees of the arms' directions bring them there.
    start_at_rest: begin at the rest pose's place, not the source's.
    root_motion: what travels level: the hips, as an animator keys it; the rig's root bone, as game engines
        want it; or nothing, for a figure that stays in its place.
    hips_height: how high the hips are carried, 1 as the source does. Planted feet stay on the floor.
    fingers: whether fingers are copied; else they stay as they are.
    """

    plant_feet: bool = False
    reach_hands: bool = False
    start_at_rest: bool = False
    root_motion: RootMotion = "hips"
    hips_height: float = 1.0
    fingers: bool = True
