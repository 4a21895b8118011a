"""Made-up rigs of every build, and motions for them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from kinematics.body import load_default_body
from kinematics.limits import MinMaxLimit
from kinematics.retarget.maps import BoneMap, Family
from kinematics.retarget.rig import Rig
from kinematics.retarget.slots import FINGERS, SIDES
from kinematics.retarget.source import source_from_body
from kinematics.rotations import matrix_from_quaternion

Z_UP_FACING_MINUS_Y = np.eye(3)
Y_UP_FACING_Z = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
Z_UP_FACING_X = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])


@dataclass(frozen=True)
class Build:
    """counts: bones in chain slots; 0 leaves a slot out. arms_down: degrees below level. axes: from a figure
    with Z up that faces -Y. unit: of a metre. rolled: bones have axes of any direction."""

    counts: dict[str, int] = field(default_factory=dict)
    arms_down: float = 0.0
    elbow: float = 0.0
    axes: np.ndarray = field(default_factory=lambda: Z_UP_FACING_MINUS_Y)
    unit: float = 1.0
    rolled: bool = False
    to_world: np.ndarray = field(default_factory=lambda: np.eye(4))
    helpers: bool = False


_COUNTS = {"root": 1, "hips": 1, "spine": 3, "neck": 1, "head": 1, "jaw": 0, "eye": 0, "clavicle": 1}
_COUNTS |= dict.fromkeys(("upper_arm", "forearm", "hand", "thigh", "shin", "foot", "toe"), 1)
_COUNTS |= dict.fromkeys(("thumb", *FINGERS), 3)


def figure(build: Build, names: dict[str, list[str]] | None = None) -> tuple[Rig, BoneMap]:
    """A rig and its true map. names: of each slot's bones; "slot.number" where they are not given."""
    counts = _COUNTS | build.counts
    bones: list[tuple[str, str | None, np.ndarray]] = []
    bone_map: dict[str, tuple[str, ...]] = {}

    def chain(slot: str, parent: str | None, points: list[np.ndarray]) -> str | None:
        made = []
        for number, point in enumerate(points):
            name = names[slot][number] if names else f"{slot}.{number}"
            if build.helpers and parent is not None:
                # A bone that no map knows, between others.
                bones.append((f"between {name}", parent, (point + _place(bones, parent)) / 2))
                parent = bones[-1][0]
            bones.append((name, parent, point))
            made.append(name)
            parent = name
        if made:
            bone_map[slot] = tuple(made)
        return parent

    def line(count: int, start: list[float], end: list[float]) -> list[np.ndarray]:
        parts = np.linspace(0, 1, count + 1)[:count]
        return [np.array(start) + part * (np.array(end) - np.array(start)) for part in parts]

    root = chain("root", None, line(counts["root"], [0, 0, 0], [0, 0, 0.5]))
    hips = chain("hips", root, line(counts["hips"], [0, 0, 0.95], [0, 0, 1.0]))
    chest = chain("spine", hips, line(counts["spine"], [0, 0.02, 1.02], [0, 0, 1.46]))
    neck = chain("neck", chest, line(counts["neck"], [0, 0, 1.47], [0, -0.02, 1.56]))
    head = chain("head", neck, line(counts["head"], [0, -0.02, 1.56], [0, 0, 1.7]))
    chain("jaw", head, line(counts["jaw"], [0, -0.05, 1.57], [0, -0.1, 1.5]))
    for side, sign in zip(SIDES, (1.0, -1.0), strict=True):
        mirror = np.array([sign, 1, 1])

        def limb(
            slot: str, parent: str | None, start: np.ndarray, end: np.ndarray, side=side, mirror=mirror
        ) -> str | None:
            points = line(counts.get(slot, 0), list(start), list(end))
            return chain(f"{slot}.{side}", parent, [point * mirror for point in points])

        limb("eye", head, np.array([0.03, -0.09, 1.62]), np.array([0.03, -0.2, 1.62]))
        shoulder, elbow = np.array([0.17, 0, 1.43]), np.array([0.17, 0, 1.43]) + 0.29 * _arm(build.arms_down)
        wrist = elbow + 0.26 * _bent(build.arms_down, build.elbow)
        clavicle = limb("clavicle", chest, np.array([0.02, -0.02, 1.42]), shoulder)
        upper = limb("upper_arm", clavicle, shoulder, elbow)
        limb("upper_arm_twist", upper, shoulder, elbow)
        fore = limb("forearm", upper, elbow, wrist)
        limb("forearm_twist", fore, elbow, wrist)
        hand = limb("hand", fore, wrist, wrist)
        along = _bent(build.arms_down, build.elbow)
        for number, finger in enumerate(("thumb", *FINGERS)):
            across = np.array([0, -0.045 + 0.022 * number, 0])
            knuckle = wrist + across + (0.09 if number else 0.03) * along
            palm = f"{finger}_metacarpal"
            parent = limb(palm, hand, wrist + 0.3 * across, knuckle) if counts.get(palm) else hand
            way = along if number else along + np.array([0, -0.7, 0])
            limb(finger, parent, knuckle, knuckle + 0.07 * way)
        thigh = limb("thigh", hips, np.array([0.09, 0, 0.91]), np.array([0.1, -0.01, 0.5]))
        limb("thigh_twist", thigh, np.array([0.09, 0, 0.91]), np.array([0.1, -0.01, 0.5]))
        shin = limb("shin", thigh, np.array([0.1, -0.01, 0.5]), np.array([0.11, 0.02, 0.08]))
        limb("shin_twist", shin, np.array([0.1, -0.01, 0.5]), np.array([0.11, 0.02, 0.08]))
        foot = limb("foot", shin, np.array([0.11, 0.02, 0.08]), np.array([0.12, -0.12, 0.02]))
        limb("toe", foot, np.array([0.12, -0.12, 0.02]), np.array([0.12, -0.2, 0.02]))

    order = [name for name, _, _ in bones]
    rest = np.tile(np.eye(4), (len(bones), 1, 1))
    if build.rolled:
        turns = np.random.default_rng(7).normal(size=(len(bones), 4))
        rest[:, :3, :3] = matrix_from_quaternion(turns / np.linalg.norm(turns, axis=1, keepdims=True))
    rest[:, :3, :3] = build.axes @ rest[:, :3, :3]
    rest[:, :3, 3] = build.unit * np.array([point for _, _, point in bones]) @ build.axes.T
    parents = np.array([-1 if parent is None else order.index(parent) for _, parent, _ in bones])
    return Rig(tuple(order), parents, rest, build.to_world), BoneMap("true", bone_map)


def named_figure(family: Family, decorate=lambda name: name) -> tuple[Rig, BoneMap]:
    """A rig with all bones that a family may have, under its names."""
    spelled = {slot: [decorate(names[0]) for names in chain] for slot, chain in family.slots.items()}
    counts = dict.fromkeys(_COUNTS, 0) | {
        slot.partition(".")[0]: len(names) for slot, names in spelled.items()
    }
    return figure(Build(counts), spelled)


def talk(frames: int = 90):
    """A take in which everything moves: arms, wrists and fingers widely, the rest a little."""
    body = load_default_body()
    rng = np.random.default_rng(3)
    low = np.full(104, -0.25)
    high = np.full(104, 0.25)
    for limit in body.transform.limits:
        if isinstance(limit, MinMaxLimit) and limit.target in body.transform.names[:104]:
            number = body.transform.names.index(limit.target)
            low[number], high[number] = 0.6 * limit.lower, 0.6 * limit.upper
    phase = rng.uniform(0, 2 * np.pi, 104) + np.outer(np.linspace(0, 1, frames), rng.uniform(4, 9, 104))
    pose = (low + high) / 2 + (high - low) / 2 * np.sin(phase)
    pose[:, :6] = 0.1 * np.sin(phase[:, :6])
    pose[:, 40:58] *= 0.3
    return source_from_body(body, pose, 30.0)


def talking():
    """Five seconds that the default actor performed to the recording that comes with the project.

    Gestures of both arms; for a second the hands touch.
    """
    with np.load(Path(__file__).parents[1] / "data" / "talking.npz") as stored:
        return source_from_body(load_default_body(), stored["pose"].astype(np.float64), 30.0)


def _place(bones: list[tuple[str, str | None, np.ndarray]], name: str) -> np.ndarray:
    return next(point for bone, _, point in bones if bone == name)


def _arm(degrees: float) -> np.ndarray:
    return np.array([np.cos(np.radians(degrees)), 0, -np.sin(np.radians(degrees))])


def _bent(degrees: float, elbow: float) -> np.ndarray:
    """The forearm's direction: the elbow bends it forward."""
    return np.cos(np.radians(elbow)) * _arm(degrees) + np.array([0, -np.sin(np.radians(elbow)), 0])
