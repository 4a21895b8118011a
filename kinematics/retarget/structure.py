"""Finds a humanoid by shape alone: mirrored legs below a pelvis, mirrored arms and a head above it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kinematics.arrays import FloatArray, IntArray
from kinematics.retarget.figure import unit
from kinematics.retarget.rig import Rig
from kinematics.retarget.slots import FINGERS

_TOLERANCE = 0.02
"""Of the rig's size: what lies nearer to the middle is central."""
_FINGERS = {1: ("index",), 2: ("index", "pinky"), 3: ("index", "middle", "pinky"), 4: FINGERS}

Slots = dict[str, tuple[int, ...]]


def find_by_structure(rig: Rig) -> tuple[Slots, str]:
    """Bones by slot, or none and the reason why. Bones known to move no skin do not count."""
    kept = _shaping(rig)
    if len(kept) < len(rig):
        found, reason = find_by_structure(_part(rig, kept))
        return {slot: tuple(kept[bone] for bone in bones) for slot, bones in found.items()}, reason
    best: Slots = {}
    reason = "Its bones do not mirror each other as a figure's two sides do."
    tree = _Tree.of(rig)
    for axis in range(3):
        symmetry = _Symmetry.of(tree, axis)
        if not symmetry.pairs:
            continue
        found, why = _humanoid(tree, symmetry)
        reason = why or reason
        if len(found) > len(best):
            best = found
    return best, "" if best else reason


def _shaping(rig: Rig) -> list[int]:
    """Bones that move skin or carry one that does; all of them where that is not known."""
    if rig.deforms is None or not rig.deforms.any():
        return list(range(len(rig)))
    shaping = rig.deforms.copy()
    for bone in reversed(range(len(rig))):
        if shaping[bone] and rig.parents[bone] >= 0:
            shaping[rig.parents[bone]] = True
    return [bone for bone, shapes in enumerate(shaping) if shapes]


def _part(rig: Rig, kept: list[int]) -> Rig:
    number = {-1: -1} | {bone: position for position, bone in enumerate(kept)}
    return Rig(
        tuple(rig.names[bone] for bone in kept),
        np.array([number[int(rig.parents[bone])] for bone in kept]),
        rig.rest[kept],
        rig.to_world,
    )


@dataclass(frozen=True, eq=False)
class _Tree:
    """points: (J, 3) heads, the rig's size as unit. depth: (J,) bones in the longest chain below each. reach:
    (J,) how far the longest way down from each leads.
    """

    rig: Rig
    points: FloatArray
    depth: IntArray
    reach: FloatArray

    @classmethod
    def of(cls, rig: Rig) -> _Tree:
        points = rig.heads @ rig.stretch.T
        points = points / (float(np.ptp(points, axis=0).max()) or 1.0)
        depth, reach = np.zeros(len(rig), np.int64), np.zeros(len(rig))
        for bone in reversed(range(len(rig))):
            parent = rig.parents[bone]
            if parent >= 0:
                step = float(np.linalg.norm(points[bone] - points[parent]))
                depth[parent] = max(depth[parent], 1 + depth[bone])
                reach[parent] = max(reach[parent], step + reach[bone])
        return cls(rig, points, depth, reach)

    def children(self, bone: int) -> tuple[int, ...]:
        return self.rig.children[bone]

    def reach_from_parent(self, bone: int) -> float:
        """How long the longest chain is that begins with a bone, the way to it included."""
        step = np.linalg.norm(self.points[bone] - self.points[self.rig.parents[bone]])
        return float(step + self.reach[bone])

    def lateral(self, axis: int, bone: int) -> float:
        """The mean of a branch's coordinates across the figure."""
        branch = [bone]
        for member in branch:
            branch += self.children(member)
        return float(self.points[branch, axis].mean())


@dataclass(frozen=True, eq=False)
class _Symmetry:
    """pairs: bone -> its counterpart on the other side, both ways. central: bones between the sides.

    Told branch by branch, so that a figure in any pose, or one that is not quite even, has two sides.
    """

    tree: _Tree
    axis: int
    pairs: dict[int, int]
    central: frozenset[int]

    @classmethod
    def of(cls, tree: _Tree, axis: int) -> _Symmetry:
        rig, points = tree.rig, tree.points
        branches = _Branches(tree, axis)
        pairs: dict[int, int] = {}
        central = set(np.flatnonzero(rig.parents < 0).tolist())
        for bone in range(len(rig)):
            if bone in central:
                children = list(rig.children[bone])
                matches = branches.matches(bone, bone, children, children)
                paired = {child for match in matches for child in match}
                central |= {
                    child
                    for child in children
                    if child not in paired and abs(branches.lateral[child] - points[bone, axis]) < _TOLERANCE
                }
            elif pairs.get(bone, -1) > bone:
                other = pairs[bone]
                matches = branches.matches(bone, other, list(rig.children[bone]), list(rig.children[other]))
            else:
                continue
            for one, counterpart in matches:
                pairs[one], pairs[counterpart] = counterpart, one
        return cls(tree, axis, pairs, frozenset(central))

    def limbs(self, bone: int) -> list[int]:
        """Children of a bone with a counterpart among its children, the one on the axis's positive side."""
        children = self.tree.children(bone)
        return [
            child
            for child in children
            if self.pairs.get(child) in children
            and self.tree.lateral(self.axis, child) > self.tree.lateral(self.axis, self.pairs[child])
        ]


class _Branches:
    """How alike two branches of a rig are, mirrored."""

    def __init__(self, tree: _Tree, axis: int) -> None:
        self.points = tree.points
        self.reach = tree.reach
        self.mirror = 1 - 2 * np.eye(3)[axis]
        self.lateral = np.array([tree.lateral(axis, bone) for bone in range(len(tree.rig))])

    def matches(
        self, parent: int, other_parent: int, ones: list[int], others: list[int]
    ) -> list[tuple[int, int]]:
        """Pairs of children that mirror each other, the most alike first."""
        costs = {
            (one, other): cost
            for one in ones
            for other in others
            if (one < other or parent != other_parent)
            and (cost := self._unlikeness(parent, other_parent, one, other)) is not None
        }
        found: list[tuple[int, int]] = []
        for pair in sorted(costs, key=costs.__getitem__):
            if not any(bone in earlier for bone in pair for earlier in found):
                found.append(pair)
        return found

    def _unlikeness(self, parent: int, other_parent: int, one: int, other: int) -> float | None:
        offset = self.points[one] - self.points[parent]
        counterpart = (self.points[other] - self.points[other_parent]) * self.mirror
        if parent == other_parent and abs(self.lateral[one] - self.lateral[other]) < _TOLERANCE:
            return None
        cost = float(np.linalg.norm(offset - counterpart) + abs(self.reach[one] - self.reach[other]))
        return cost if cost < 0.25 * (np.linalg.norm(offset) + self.reach[one]) + _TOLERANCE / 4 else None


def _humanoid(tree: _Tree, symmetry: _Symmetry) -> tuple[Slots, str]:
    rig, points = tree.rig, tree.points
    forks = [bone for bone in sorted(symmetry.central) if symmetry.limbs(bone)]
    # Two pairs of limbs on one central line: legs at the lower fork, arms at a fork further out.
    candidates = []
    for hips in forks:
        for chest in forks:
            if chest == hips or not rig.is_carried_by(chest, hips):
                continue
            for leg in symmetry.limbs(hips):
                for arm in symmetry.limbs(chest):
                    leg_path, arm_path = _limb(tree, leg), _limb(tree, arm)
                    if len(leg_path) >= 3 and len(arm_path) >= 3:
                        size = _reach(points, leg_path) + _reach(points, arm_path)
                        candidates.append((size, hips, chest, leg_path, arm_path))
    if not candidates:
        return {}, "It has no two pairs of limbs, arms above legs, on one spine."
    _, hips, chest, leg_path, arm_path = max(candidates, key=lambda candidate: candidate[0])
    spine_line = points[chest] - points[hips]
    leg_line = points[leg_path].mean(axis=0) - points[hips]
    leg_line = leg_line * (1 - np.eye(3)[symmetry.axis])
    up = unit(spine_line * (1 - np.eye(3)[symmetry.axis]))
    down = unit(leg_line)
    if up is None or down is None or up @ down > -0.5:
        return {}, "Its legs stand across its spine, as an animal's do: it is not a humanoid."
    axis = int(np.argmax(np.abs(up)))
    up = np.eye(3)[axis] * np.sign(up[axis])

    centre = _central_chain(rig, symmetry, hips, chest)
    found: Slots = {"hips": (hips,), "spine": tuple(centre)}
    above = _upward_chain(symmetry, chest, up)
    neck, head = _neck_and_head(symmetry, above)
    if head is not None:
        found["head"] = (head,)
    if neck:
        found["neck"] = tuple(neck)
    leg_slots = _leg(tree, leg_path, up)
    side = _side(points, leg_slots, up, symmetry.axis)
    for slots in (leg_slots, _arm(tree, arm_path)):
        for slot, bones in slots.items():
            other = tuple(symmetry.pairs.get(bone, -1) for bone in bones)
            found[f"{slot}.{side}"] = bones
            if -1 not in other:
                found[f"{slot}.{'R' if side == 'L' else 'L'}"] = other
    return found, ""


def _reach(points: FloatArray, path: list[int]) -> float:
    return float(np.linalg.norm(np.diff(points[path], axis=0), axis=1).sum())


def _steps(points: FloatArray, path: list[int]) -> list[float]:
    """How far each bone of a path is from the next one in another place."""
    steps = []
    for position, bone in enumerate(path):
        distances = np.linalg.norm(points[path[position + 1 :]] - points[bone], axis=1)
        steps.append(float(next((distance for distance in distances if distance > 1e-4), 0.0)))
    return steps


def _limb(tree: _Tree, bone: int) -> list[int]:
    """The longest way down from a bone, to the hand or foot: where it forks into fingers, or ends."""
    path = [bone]
    while True:
        below = tree.children(path[-1])
        children = [child for child in below if len(below) == 1 or tree.depth[child] > 0]
        reach = [tree.reach_from_parent(child) for child in children]
        if not children or sum(length > 0.4 * max(reach) for length in reach) >= 2:
            return path
        path.append(children[int(np.argmax(reach))])


def _central_chain(rig: Rig, symmetry: _Symmetry, hips: int, chest: int) -> list[int]:
    chain = [chest]
    for bone in rig.carriers(chest):
        if bone == hips:
            break
        chain.append(bone)
    return [bone for bone in reversed(chain) if bone in symmetry.central]


def _upward_chain(symmetry: _Symmetry, chest: int, up: FloatArray) -> list[int]:
    """Central bones above the chest, upward as long as it goes."""
    tree = symmetry.tree
    chain: list[int] = []
    bone = chest
    while True:
        children = [child for child in tree.children(bone) if child in symmetry.central]
        children = [child for child in children if (tree.points[child] - tree.points[bone]) @ up > 0]
        if not children:
            return chain
        bone = max(children, key=lambda child: (tree.depth[child], tree.points[child] @ up))
        chain.append(bone)


def _neck_and_head(symmetry: _Symmetry, chain: list[int]) -> tuple[list[int], int | None]:
    if not chain:
        return [], None
    eyed = [position for position, bone in enumerate(chain) if symmetry.limbs(bone)]
    if eyed:
        head = eyed[0]
    else:
        # A last bone that ends the head is farther from it than the head from the neck.
        steps = np.linalg.norm(np.diff(symmetry.tree.points[chain], axis=0), axis=1)
        ends = len(chain) >= 3 and steps[-1] > 1.3 * steps[-2]
        head = len(chain) - (2 if ends else 1)
    return chain[:head], chain[head]


def _leg(tree: _Tree, path: list[int], up: FloatArray) -> Slots:
    """Thigh, shin, foot and toe on the way from the pelvis to the toes."""
    points = tree.points
    height = points[path] @ up
    steps = np.diff(points[path], axis=0)
    downward = np.flatnonzero(steps @ up < -0.7 * np.linalg.norm(steps, axis=1))
    # A short bone across the pelvis may come before the thigh.
    thigh = int(downward[0]) if len(path) > 3 and len(downward) else 0
    # The foot is where the way turns from down to forward.
    low = height.min() + 0.3 * (height[thigh] - height.min())
    turning = [position for position in range(thigh + 2, len(path)) if height[position] < low]
    foot = turning[0] if turning else len(path) - 1
    while foot + 1 < len(path) and np.allclose(points[path[foot]], points[path[foot + 1]], atol=1e-4):
        foot += 1
    shin = _joint_between(points, path, thigh, foot)
    slots: Slots = {"thigh": (path[thigh],), "shin": (path[shin],), "foot": (path[foot],)}
    below = path[foot + 1 : foot + 2] or tree.children(path[foot])
    if below:
        slots["toe"] = (
            max(below, key=lambda bone: float(np.linalg.norm(points[bone] - points[path[foot]]))),
        )
    return slots


def _arm(tree: _Tree, path: list[int]) -> Slots:
    """Clavicle, upper arm, forearm, hand and fingers; the hand is where the way ends or forks."""
    points, hand = tree.points, len(path) - 1
    steps = _steps(points, path)
    upper = 0
    # A clavicle is shorter than the arm that it carries; a shoulder blade's bone after it is shorter still.
    if hand >= 3 and steps[0] < 0.45 * _reach(points, path[1:]):
        upper = 1
        while upper < hand - 2 and steps[upper] < 0.3 * max(steps):
            upper += 1
    fore = _joint_between(points, path, upper, hand)
    slots: Slots = {"upper_arm": (path[upper],), "forearm": (path[fore],), "hand": (path[hand],)}
    if upper:
        slots["clavicle"] = tuple(path[:upper])
    return {**slots, **_fingers(tree, path[hand])}


def _joint_between(points: FloatArray, path: list[int], start: int, end: int) -> int:
    """The knee or elbow: the joint that parts the way from start to end most evenly."""
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points[path], axis=0), axis=1))])
    middle = (along[start] + along[end]) / 2
    return min(range(start + 1, end), key=lambda position: abs(along[position] - middle), default=start + 1)


def _fingers(tree: _Tree, hand: int) -> Slots:
    """The chains of a hand: they start side by side, the thumb nearer to the wrist."""
    points = tree.points
    starts = [child for child in tree.children(hand) if tree.depth[child] >= 1]
    # A bone of the palm may carry a finger and the thumb.
    forks = {start: [child for child in tree.children(start) if tree.depth[child] >= 1] for start in starts}
    starts = [bone for start in starts for bone in (forks[start] if len(forks[start]) > 1 else [start])]
    chains = [_without_palm(points, hand, _chain(tree, start)) for start in starts]
    if not 2 <= len(chains) <= 5:
        return {}
    bases = np.array([points[chain[0]] for chain in chains])
    thumb = int(np.argmin(np.linalg.norm(bases - points[hand], axis=1)))
    others = [position for position in range(len(chains)) if position != thumb]
    others.sort(key=lambda position: float(np.linalg.norm(bases[position] - bases[thumb])))
    slots: Slots = {"thumb": tuple(chains[thumb][:3])}
    for slot, position in zip(_FINGERS[len(others)], others, strict=True):
        slots[slot] = tuple(chains[position][:3])
    return slots


def _without_palm(points: FloatArray, hand: int, chain: list[int]) -> list[int]:
    """A finger without its bone in the palm, which starts at the wrist and is long."""
    if len(chain) < 4:
        return chain
    first = np.linalg.norm(points[chain[1]] - points[chain[0]])
    return chain[1:] if np.linalg.norm(points[chain[0]] - points[hand]) < first else chain


def _chain(tree: _Tree, bone: int) -> list[int]:
    chain = [bone]
    while tree.children(chain[-1]):
        chain.append(max(tree.children(chain[-1]), key=tree.reach_from_parent))
    return chain


def _side(points: FloatArray, leg: Slots, up: FloatArray, axis: int) -> str:
    """The side of the positive half: forward is where the foot points, left is up x forward."""
    end = points[leg["toe"][0]] if "toe" in leg else None
    start = points[leg["foot"][0]]
    if end is None:
        return "L"
    forward = end - start - ((end - start) @ up) * up
    return "L" if np.cross(up, forward)[axis] > 0 else "R"
