"""Where a hand goes and how it is held: places, palm directions, finger shapes, and the arm that gets it
there.

Everything is said for the left side in the rest body's coordinates (x to the body's left, y up, z forward,
cm); the right side is the mirror image, which the body's mirrored joint axes turn into equal parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from kinematics.body import Body

from .chain import Chain
from .statistics import LEFT_ARM, LEFT_HAND, RIGHT_ARM, RIGHT_HAND, typical


@dataclass(frozen=True)
class HandPose:
    """place (3,): the wrist; palm and fingers (3,): directions; curls (4,): index to pinky, 0 straight, 1 a
    fist; spread: of the fingers, radians; thumb: 0 beside the palm, 1 opposed to the fingers; shrug:
    shoulder up, radians; habit (35,): how this arm (12) and these fingers (23) differ from the usual, in
    typical standard deviations.
    """

    place: tuple[float, float, float]
    palm: tuple[float, float, float]
    fingers: tuple[float, float, float]
    curls: tuple[float, float, float, float]
    spread: float = 0.0
    thumb: float = 0.5
    shrug: float = 0.0
    habit: tuple[float, ...] = (0.0,) * 35

    def moved(self, by: np.ndarray) -> HandPose:
        """The same hand at another place."""
        return replace(self, place=tuple(np.asarray(self.place) + by))

    def varied(self, rng: np.random.Generator) -> HandPose:
        """The same hand with a habit of its own, as no two repetitions are alike."""
        return replace(self, habit=tuple(rng.normal(0.0, _HABIT)))


_HABIT = np.concatenate([np.full(11, 0.8), [0.6], np.full(4, 0.6), np.full(12, 0.35), np.full(7, 0.6)])
RELAXED = (0.42, 0.50, 0.54, 0.48)
OPEN = (0.10, 0.14, 0.18, 0.18)
CUPPED = (0.28, 0.36, 0.42, 0.40)
LOOSE_FIST = (0.80, 0.95, 1.00, 0.90)
POINTING = (0.05, 0.85, 0.98, 0.92)
PINCHED = (0.75, 0.60, 0.35, 0.25)

HANGING = HandPose((24.5, 92.5, 6.0), (-1.0, 0.0, -0.25), (0.0, -1.0, 0.15), RELAXED, thumb=0.35)
CLASPED_OVER = HandPose(
    (8.0, 102.0, 18.5), (-0.1, 0.1, -1.0), (-1.0, -0.35, 0.25), (0.40, 0.42, 0.42, 0.40), thumb=0.3
)
CLASPED_UNDER = HandPose(
    (8.5, 99.5, 15.5), (-0.1, 0.15, -1.0), (-1.0, -0.3, 0.3), (0.15, 0.18, 0.2, 0.2), thumb=0.2
)
AT_WAIST = HandPose(
    (14.5, 108.0, 20.5), (-0.75, -0.55, -0.1), (-0.45, -0.1, 0.9), (0.5, 0.62, 0.66, 0.62), thumb=0.6
)

PALMS = {
    "inward": ((-1.0, -0.1, 0.0), (-0.2, 0.25, 1.0)),
    "offering": ((-0.45, 0.85, 0.1), (0.1, 0.0, 1.0)),
    "slanting": ((-0.85, 0.5, 0.0), (-0.1, 0.2, 1.0)),
    "down": ((-0.45, -0.9, 0.0), (-0.35, 0.05, 1.0)),
    "outward": ((-0.35, -0.45, 0.8), (-0.1, 0.85, 0.5)),
}
_PALM_CHANCES = (0.30, 0.22, 0.22, 0.20, 0.06)
_SHAPES = (OPEN, CUPPED, RELAXED, PINCHED, LOOSE_FIST, POINTING)
_SHAPE_CHANCES = (0.30, 0.24, 0.16, 0.14, 0.09, 0.07)
_SHOULDER = np.array([17.2, 143.0, -3.0])
_ARM_LENGTH = 50.0
_ARM_LIMITS = np.array(  # a straight elbow is at -0.45; everything else stays short of what looks strained
    [
        [-0.1, -0.3, -0.25, -0.3, -1.0, -0.4, -0.8, -0.6, -0.36, -1.9, -0.6, -1.0],
        [0.35, 0.4, 0.35, 0.3, 0.3, 0.5, 1.4, 1.7, 2.0, 0.9, 0.6, 0.8],
    ]
)


def draw_gesture(rng: np.random.Generator, size: float) -> HandPose:
    """A hand in gesture space, in front of the body; size about 1 widens or narrows the space."""
    place = np.array([15.5, 116.0, 25.5]) + size * rng.normal(0.0, (6.5, 8.0, 4.5))
    place = np.clip(place, (4.0, 101.0, 17.5), (36.0, 140.0, 40.0))
    from_shoulder = place - _SHOULDER
    place = _SHOULDER + from_shoulder * min(1.0, _ARM_LENGTH / float(np.linalg.norm(from_shoulder)))
    palm, fingers = PALMS[str(rng.choice(list(PALMS), p=_PALM_CHANCES))]
    curls = _SHAPES[rng.choice(len(_SHAPES), p=_SHAPE_CHANCES)]
    shrugs = rng.random() < 0.12
    return HandPose(
        tuple(place),
        tuple(palm + rng.normal(0.0, 0.18, 3)),
        tuple(fingers + rng.normal(0.0, 0.15, 3)),
        tuple(np.asarray(curls) + rng.normal(0.0, 0.12) + rng.normal(0.0, 0.06, 4)),
        spread=float(np.clip(rng.normal(0.05, 0.12), -0.15, 0.3)),
        thumb=float(np.clip(rng.normal(0.5, 0.3), 0.0, 1.0)),
        shrug=float(rng.uniform(0.06, 0.16)) if shrugs else 0.0,
    ).varied(rng)


def finger_parameters(pose: HandPose) -> np.ndarray:
    """The 23 parameters of a hand in the order of the pose vector."""
    first, second, third = (np.asarray(pose.curls)[:, None] * (1.15, 1.25, 0.75) + (-0.06, 0.02, -0.04)).T
    straight = 1.0 - np.clip(np.asarray(pose.curls), 0.0, 1.0)
    index, middle, ring, pinky = np.array([-0.10, -0.01, 0.07, 0.04]) + pose.spread * straight * (
        1.0,
        0.15,
        -0.6,
        -1.3,
    )
    curls = np.clip(np.stack([first, second, third], axis=1), (-0.25, -0.1, -0.1), (1.5, 1.7, 1.3)).ravel()
    opposed = pose.thumb - 0.5
    thumb = [
        -0.07 - 0.5 * opposed,
        0.26 + 0.35 * opposed,
        -0.03,
        0.22 - 0.3 * opposed,
        0.05 + 0.45 * opposed,
        -0.30,
        0.10,
    ]
    thumb[5] += 0.25 * opposed
    thumb[6] += 0.5 * opposed
    usual = np.concatenate([[index, ring, pinky, middle], curls, thumb])
    _, spread = typical(RIGHT_HAND, LEFT_HAND)
    return usual + spread * pose.habit[12:]


def arm_parameters(body: Body, poses: Sequence[HandPose]) -> np.ndarray:
    """(N, 12) parameters of one arm, found near the real actors' arms, for N hand poses."""
    chain = Chain.between(body, "b_spine3", "b_l_wrist")
    chest = Chain.between(body, "body_world", "b_spine3")
    chest_at, chest_axes = chest.tip(np.zeros(len(chest.columns)))
    places = np.array([pose.place for pose in poses])
    fingers, palms = (
        _unit(np.array([pose.fingers for pose in poses])),
        np.array([pose.palm for pose in poses]),
    )
    palms = _unit(palms - fingers * (palms * fingers).sum(-1, keepdims=True))
    axes = np.stack([fingers, palms, np.cross(fingers, palms)], axis=-1)
    mean, spread = typical(RIGHT_ARM, LEFT_ARM)
    prior = np.tile(mean, (len(poses), 1))
    prior[:, 6] = 0.05  # the mean arm hangs behind the chest, where these elbows would meet it
    shrug = np.array([pose.shrug for pose in poses])
    prior[:, 0] += shrug
    prior[:, 2] += 0.5 * shrug
    prior += spread * np.array([pose.habit[:12] for pose in poses])
    parameters = chain.reach(
        (places - chest_at) @ chest_axes,
        np.einsum("ji,njk->nik", chest_axes, axes),
        prior,
        spread * np.array([0.5, 0.5, 0.4, 0.4, 1.0, 1.0, 1.3, 1.0, 1.5, 1.0, 0.7, 0.7]),
        position_tolerance=0.7,
        axes_tolerance=np.array([0.45, 0.4, np.inf]),
        iterations=12,
    )
    return np.clip(parameters, *_ARM_LIMITS)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
