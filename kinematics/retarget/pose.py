"""The target's motion in the making: bones turn as the source's do, and the hips follow.

In target axes, with F from the source's facing to the target's, A0 and A the source bone at rest and now, B0
the target bone at rest, and Q its rest alignment:

    B = (F A A0^-1 F^-1) Q B0

All frames of a bone are solved at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from kinematics.arrays import FloatArray
from kinematics.retarget.alignment import rest_alignment
from kinematics.retarget.contacts import Contact
from kinematics.retarget.corrections import CorrectedBones, Correction
from kinematics.retarget.figure import unit
from kinematics.retarget.rig import Rig, RigError
from kinematics.retarget.slots import LIMBS, SIDES, sided
from kinematics.retarget.swing import IDENTITY, arc, of, times
from kinematics.retarget.task import Task
from kinematics.retarget.transfer import Turns, copied_turns
from kinematics.rotations import align_hemispheres, quaternion_conjugate, quaternion_multiply, rotate

Limb: TypeAlias = tuple[str, str, str]
"""The slots of an arm or a leg: upper bone, lower bone, end."""

_LEVEL_PERCENTILE = 5.0
"""How low feet usually come is a take's floor: captures have outliers below it."""


@dataclass(frozen=True, eq=False)
class RigMotion:
    """What to key: T frames of M bones, as deltas from rest in each bone's own axes.

    names: (M,), parents before children. rotation: (T, M, 4) w x y z, neighbouring frames in one hemisphere.
    locations: (T, 3) of the few bones that move, in the rig's unit: the hips, or what carries them where they
    are joined to it, and feet that no leg carries. All other bones stay in their rest pose.
    """

    names: tuple[str, ...]
    rotation: FloatArray
    locations: dict[str, FloatArray]
    fps: float

    def channels(self, rig: Rig) -> tuple[FloatArray, FloatArray]:
        """Rotations (T, J, 4), x y z w, and locations (T, J, 3) of all bones, for `rig.pose_matrices`."""
        rotation = np.tile(IDENTITY, (len(self.rotation), len(rig), 1))
        location = np.zeros((len(self.rotation), len(rig), 3))
        for column, name in enumerate(self.names):
            rotation[:, rig.index(name)] = np.roll(self.rotation[:, column], -1, axis=-1)
        for name, values in self.locations.items():
            location[:, rig.index(name)] = values
        return rotation, location


class Pose:
    """The target's motion while it is worked on: turns of the mapped bones, and where the hips are.

    Turns and points are in rig space, in which bones are rigid. What is compared with the source is seen:
    uneven scale included.
    """

    def __init__(self, task: Task) -> None:
        self.task, self.target, self.rig = task, task.target, task.target.rig
        self.stretch = self.rig.stretch
        self.shrink = np.linalg.inv(self.stretch)
        aligned = rest_alignment(task.origin, task.target, task.facing)
        copied = copied_turns(Turns(task.source, task.facing), task.target)
        self.turns = {bone: turn @ times(aligned[bone]) for bone, turn in copied.items()}
        self.hips = self.target.bones["hips"][0]
        self.turns.setdefault(self.hips, np.tile(IDENTITY, (len(task.source), 1)))
        self.loose = self._loose_feet()
        self.order = sorted(self.turns, key=self._depth)
        self.carrier = {bone: self._carrier(bone) for bone in self.order}
        self._points: dict[int, FloatArray] = {}
        if not np.allclose(self.stretch, np.eye(3)):
            self._undo_stretch()
        self._root_path: dict[int, FloatArray] = {}
        self._hips_path = self._place_hips(self._hip_centre())

    def _depth(self, bone: int) -> tuple[bool, int]:
        """Sorts bones after what they hang on; loose feet, and their toes, hang on legs."""
        carriers = [bone, *self.rig.carriers(bone)]
        return any(carrier in self.loose for carrier in carriers), len(carriers)

    def _carrier(self, bone: int) -> int | None:
        return next((carrier for carrier in self.rig.carriers(bone) if carrier in self.turns), None)

    def _loose_feet(self) -> dict[int, int]:
        """Feet that their leg does not carry, with the bone at whose end they belong."""
        loose = {}
        for side in SIDES:
            foot, shin = (self.target.bones.get(sided(slot, side), (-1,))[0] for slot in ("foot", "shin"))
            if foot in self.turns and shin in self.turns and not self.rig.is_carried_by(foot, shin):
                loose[foot] = shin
        return loose

    def _undo_stretch(self) -> None:
        """Turns limbs so that they point, stretched, to where they should."""
        for limb in self.limbs("upper_arm", "thigh"):
            for slot, below in (limb[:2], limb[1:]):
                bone, end = self.target.bones[slot][0], self.target.bones[below][0]
                seen = unit(self.target.points[end] - self.target.points[bone])
                rigid = unit(self.rig.heads[end] - self.rig.heads[bone])
                if seen is None or rigid is None:
                    continue
                wanted = rotate(self.turns[bone], seen) @ self.shrink.T
                wanted = wanted / np.linalg.norm(wanted, axis=1, keepdims=True)
                self.turn_segments({slot: arc(rotate(self.turns[bone], rigid), wanted)})

    def _place_hips(self, centre: FloatArray) -> FloatArray:
        """(T, 3) head of the hips bone that brings the middle between the hip joints to `centre`, as seen."""
        bones = [self.target.bones[slot][0] for slot in ("thigh.L", "thigh.R") if slot in self.target.bones]
        bones = [bone for bone in bones if bone in self.turns]
        self._hips_path = np.zeros_like(centre)
        if len(bones) < 2:
            offset = self.rig.heads[self.hips] - self.shrink @ self.target.hip_centre
            return centre @ self.shrink.T + rotate(self.turns[self.hips], offset)
        # Other bones, a spine's among them, may be between hips and legs: where are the legs without a move?
        middle = (self.point(bones[0]) + self.point(bones[1])) / 2
        self._points.clear()
        place: FloatArray = centre @ self.shrink.T - middle
        return place

    def _hip_centre(self) -> FloatArray:
        """(T, 3) where the middle between the hip joints is to be seen."""
        task, up = self.task, self.target.up
        path = task.middle("thigh", "hips")
        rest, source_rest = self.target.hip_centre, task.facing @ task.origin.hip_centre
        place = rest + task.size * (path - source_rest)
        ankles = [figure.middle("foot", "hips") @ figure.up for figure in (self.target, task.origin)]
        drops = [
            moved @ up - point @ task.origin.up
            for slot in (sided(slot, side) for slot in ("foot", "toe") for side in SIDES)
            if (moved := task.moved(slot)) is not None and (point := task.origin.point(slot)) is not None
        ]
        if drops and "foot.L" in self.target.bones:
            # Heights count from the ankles of the figure as it stands: a capture's rest pose may float.
            floor = np.percentile(np.min(drops, axis=0), _LEVEL_PERCENTILE)
            height = ankles[0] + task.size * (path @ up - floor - ankles[1])
            place = place + (height - place @ up)[:, None] * up
        return place

    def point(self, bone: int) -> FloatArray:
        """(T, 3) head of a mapped bone in rig space, as all turns and the hips are now."""
        if bone not in self._points:
            self._points[bone] = self._find_point(bone)
        return self._points[bone]

    def _find_point(self, bone: int) -> FloatArray:
        heads = self.rig.heads
        if bone == self.hips:
            return self._hips_path
        if bone in self._root_path:
            return self._root_path[bone]
        carrier = self.loose.get(bone, self.carrier[bone])
        if carrier is None:
            return np.tile(heads[bone], (len(self.task.source), 1))
        return self.point(carrier) + rotate(self.turns[carrier], heads[bone] - heads[carrier])

    def slot_point(self, slot: str) -> FloatArray | None:
        """(T, 3) head of a slot's first bone in rig space; None where it does not move."""
        bone = self.target.bones.get(slot, (-1,))[0]
        return self.point(bone) if bone in self.turns else None

    def head(self, slot: str) -> FloatArray:
        """(T, 3) the same of a slot that is known to move."""
        return self.point(self.target.bones[slot][0])

    def chest(self) -> FloatArray:
        """(T, 3) where the chest carries the place that lies between the shoulders at rest."""
        target, carrier = self.target, self._chest_carrier()
        place = self.rig.heads[target.chest] + target.chest_offset
        if carrier is None:
            return np.tile(place, (len(self.task.source), 1))
        return self.point(carrier) + rotate(self.turns[carrier], place - self.rig.heads[carrier])

    def chest_turn(self) -> FloatArray:
        """(T, 4) of what carries the shoulders."""
        carrier = self._chest_carrier()
        return np.tile(IDENTITY, (len(self.task.source), 1)) if carrier is None else self.turns[carrier]

    def _chest_carrier(self) -> int | None:
        chest = self.target.chest
        return chest if chest in self.turns else self._carrier(chest)

    def rig_length(self, *slots: str) -> float:
        """Along the heads of some slots, at rest, in rig space."""
        heads = self.rig.heads[[self.target.bones[slot][0] for slot in slots]]
        return float(np.linalg.norm(np.diff(heads, axis=0), axis=1).sum())

    def limbs(self, *uppers: str) -> list[Limb]:
        """Slots of the limbs, named by their upper bones, that both figures have in full."""
        limbs = [
            (sided(upper, side), sided(lower, side), sided(end, side))
            for upper, lower, end in LIMBS
            for side in SIDES
            if upper in uppers
        ]
        figures = (self.target, self.task.origin)
        return [limb for limb in limbs if all(slot in figure.bones for slot in limb for figure in figures)]

    def turn_segments(self, turns: Mapping[str, FloatArray]) -> None:
        """Gives turns (T, 4) to limbs' bones and their twist bones; what comes after keeps its own."""
        for slot, turn in turns.items():
            name, _, side = slot.partition(".")
            twists = self.target.bones.get(sided(f"{name}_twist", side), ())
            for bone in (*self.target.bones[slot], *twists):
                if bone in self.turns:
                    self.turns[bone] = quaternion_multiply(turn, self.turns[bone])
        self._points.clear()

    def turn_before(self, slots: Iterable[str], turn: FloatArray) -> None:
        """Gives the bones of some slots a turn (4,) at rest, before what they take from the source."""
        for bone in (bone for slot in slots for bone in self.target.bones.get(slot, ())):
            if bone in self.turns:
                self.turns[bone] = self.turns[bone] @ times(turn)
        self._points.clear()

    def turn_pelvis(self, turn: FloatArray) -> None:
        """Gives a turn (T, 4) to the hips; the middle between the hip joints, and all other turns, stay."""
        before = self._joint_middle()
        self.turns[self.hips] = quaternion_multiply(turn, self.turns[self.hips])
        self._points.clear()
        self.move_hips(before - self._joint_middle())

    def move_hips(self, offset: FloatArray) -> None:
        """Moves the figure by an offset (3,) or (T, 3) in rig space."""
        self._hips_path = self._hips_path + offset
        self._points.clear()

    def _joint_middle(self) -> FloatArray:
        """(T, 3) between the hip joints."""
        return (self.head("thigh.L") + self.head("thigh.R")) / 2

    def correct(self, corrections: Mapping[str, Correction]) -> None:
        """Turns bones as the map's corrections say; the hip joints stay where they are."""
        if all(correction.is_plain for correction in corrections.values()):
            return
        slots = {bone: slot for slot, bones in self.target.bones.items() for bone in bones}
        carriers = {**self.carrier, **self.loose}
        corrected = CorrectedBones(self.rig, slots, self.order, carriers, corrections)
        self.turns = corrected.apply(self.turns)
        self._points.clear()
        self._hips_path = self._place_hips(self._hip_centre())

    def stand_on_floor(self, contacts: tuple[Contact, ...]) -> None:
        """Moves the whole take up or down so that standing feet are as high as at rest."""
        up, errors = self.target.up, []
        for contact in contacts:
            point, rest = self.slot_point(contact.slot), self.target.point(contact.slot)
            if point is not None and rest is not None:
                errors.append(point[contact.start : contact.end] @ self.stretch.T @ up - rest @ up)
        if errors:
            self.move_hips(self.shrink @ (-np.median(np.concatenate(errors)) * up))

    def start_at_rest(self) -> None:
        """Moves the whole take level so that it begins where the rig rests."""
        up = self.target.up
        offset = self.stretch @ (self.rig.heads[self.hips] - self._hips_path[0])
        self.move_hips(self.shrink @ (offset - (offset @ up) * up))

    def raise_hips(self, height: float) -> None:
        """Carries the hips higher or lower; 1 leaves them. Feet go along unless they are planted."""
        leg = self.target.limb_length("thigh", "shin", "foot")
        self.move_hips(self.shrink @ ((height - 1.0) * leg * self.target.up))

    def travel_by_root(self) -> None:
        """Gives the hips' way over the floor to the rig's root bone. RigError where none carries the hips."""
        carriers = list(self.rig.carriers(self.hips))
        if not carriers:
            raise RigError("The rig has no root bone above its hips to travel: let the hips travel.")
        # Where the map names none, what carries everything is the root.
        root = next((bone for bone in self.target.bones.get("root", ()) if bone in carriers), carriers[-1])
        travel = self._travel()
        self.turns[root] = np.tile(IDENTITY, (len(travel), 1))
        self.order = sorted(self.turns, key=self._depth)
        self.carrier = {bone: self._carrier(bone) for bone in self.order}
        self._points.clear()
        self._root_path = {root: self.rig.heads[root] + travel}

    def stay_in_place(self) -> None:
        """Takes the hips' way over the floor away: the figure stays over the place where it rests."""
        self._hips_path = self._hips_path - self._travel()
        self._points.clear()

    def _travel(self) -> FloatArray:
        """(T, 3) rig space: the hips' way over the floor, from where they rest."""
        up = self.target.up
        seen = (self._hips_path - self.rig.heads[self.hips]) @ self.stretch.T
        travel: FloatArray = (seen - (seen @ up)[:, None] * up) @ self.shrink.T
        return travel

    def _mover(self, bone: int) -> int:
        """What moves when a bone is to move: itself, or the first above that is not joined to its parent."""
        chain = (bone, *self.rig.carriers(bone))
        still = (mover for mover in chain if mover == bone or mover not in self.turns)
        return next((mover for mover in still if mover not in self.rig.joined), bone)

    def motion(self) -> RigMotion:
        """The turns as rotations from rest in the bones' own axes, and the locations of what moves."""
        rest, heads = self.rig.rest_rotations, self.rig.heads
        rotation = np.empty((len(self.task.source), len(self.order), 4))
        locations = {}
        for column, bone in enumerate(self.order):
            turn, carrier = self.turns[bone], self.carrier[bone]
            back = IDENTITY if carrier is None else quaternion_conjugate(self.turns[carrier])
            free = carrier is None or bone in self.rig.unturned
            relative = turn if free else quaternion_multiply(back, turn)
            to_bone = quaternion_conjugate(rest[bone])
            basis = align_hemispheres(relative @ (of(to_bone) @ times(rest[bone])))
            rotation[:, column, 1:], rotation[:, column, 0] = basis[:, :3], basis[:, 3]
            if bone == self.hips or bone in self.loose or bone in self._root_path:
                offset = self.point(bone) if carrier is None else self.point(bone) - self.point(carrier)
                step = heads[bone] if carrier is None else heads[bone] - heads[carrier]
                mover = self._mover(bone)
                to_mover = quaternion_conjugate(rest[mover])
                locations[self.rig.names[mover]] = rotate(to_mover, rotate(back, offset) - step)
        names = tuple(self.rig.names[bone] for bone in self.order)
        return RigMotion(names, rotation, locations, self.task.source.fps)
