"""Fewer keys for a character's motion, within a bound on where its bones and hands then are.

A bone's world rotation sums the errors of all its ancestors, and a hand's place weighs them by how far away
they are. So curves are not bounded one by one: keys are chosen with a tolerance for each bone and frame, the
whole figure is posed, and tolerances follow what the pose shows until it keeps the bound everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from kinematics.arrays import BoolArray, FloatArray
from kinematics.curves.error_bound import ErrorBound
from kinematics.curves.fitting import fit
from kinematics.curves.keys import Keys
from kinematics.curves.knots import SegmentErrors
from kinematics.curves.rotation_curves import QUATERNION, rotation_of
from kinematics.errors import A2PError
from kinematics.retarget.rig import Rig, pose_matrices

LOCATION = "LOCATION"
VALUE = "VALUE"

_ROUNDS = 40
_GROWING_ROUNDS = 9
"""Rounds in which tolerances may also grow; afterwards they only shrink, so that the search ends."""
_GROWTH = 1.15
_AIM = 0.97
"""Of the bound: what is left is for single precision, in which keys are stored."""
_FIRST_SHARE = 0.25
"""Of the bound that one bone may use up at first."""
_STILL = 1e-7
"""A change this small over a whole take is none."""


@dataclass(frozen=True, eq=False)
class Channel:
    """Curves that share their keys' times.

    dense: (T, C), one value a frame. mode: QUATERNION (w x y z), an Euler order such as "XYZ" (radians),
    LOCATION (the rig's unit), or VALUE. bone: index in the rig; -1 for VALUE.
    """

    dense: FloatArray
    mode: str
    bone: int = -1


@dataclass(frozen=True, eq=False)
class Figure:
    """What the channels move.

    hands: indices of the bones whose heads are bound in place. rotation (T, J, 4) x y z w and location
    (T, J, 3): the whole motion, what no channel moves included.
    """

    rig: Rig
    rotation: FloatArray
    location: FloatArray
    hands: tuple[int, ...] = ()


@dataclass(frozen=True)
class PosedError:
    """The worst of all frames. rotation: radians, of any bone; hand: metres; value: of any single value."""

    rotation: float = 0.0
    hand: float = 0.0
    value: float = 0.0


@dataclass(frozen=True, eq=False)
class Reduction:
    """keys: one for each channel, in order. error: of the pose that these keys give."""

    keys: tuple[Keys, ...]
    error: PosedError
    dense_count: int = field(default=0)

    @property
    def count(self) -> int:
        """Keys of all curves together."""
        return sum(keys.count for keys in self.keys)


def reduce_keys(
    channels: Sequence[Channel], figure: Figure | None = None, bound: ErrorBound | None = None
) -> Reduction:
    """Fit Bezier keys to `channels`, of one length T, so that the posed `figure` keeps `bound`.

    `figure` may be left out where all channels are VALUE. Raises A2PError where a value is not finite.
    """
    bound = bound or ErrorBound()
    if not all(np.all(np.isfinite(channel.dense)) for channel in channels):
        raise A2PError("The motion holds a number that is not finite: generate or bake it again.")
    moving = [i for i, channel in enumerate(channels) if np.ptp(channel.dense, axis=0).max() > _STILL]
    keys = {i: _still(channel) for i, channel in enumerate(channels) if i not in moving}
    error = PosedError()
    if moving:
        fitted, error = _Search([channels[i] for i in moving], figure, bound).run()
        keys |= dict(zip(moving, fitted, strict=True))
    return Reduction(
        tuple(keys[i] for i in range(len(channels))), error, sum(channel.dense.size for channel in channels)
    )


def _still(channel: Channel) -> Keys:
    """Two keys span the take for what does not move."""
    frames = np.array([0, len(channel.dense) - 1])[: len(channel.dense)]
    return Keys(frames, channel.dense[frames], np.zeros((len(frames), channel.dense.shape[1])))


class _Search:
    """Tolerances for each channel and frame, and what they lead to."""

    def __init__(self, channels: list[Channel], figure: Figure | None, bound: ErrorBound) -> None:
        self.channels, self.figure, self.bound = channels, figure, bound
        widest = max(channel.dense.shape[1] for channel in channels)
        self.dense = np.zeros((len(channels), len(channels[0].dense), widest))
        for row, channel in zip(self.dense, channels, strict=True):
            row[:, : channel.dense.shape[1]] = channel.dense
        self.slopes = _slopes(self.dense)
        unit = np.array([2.0 if channel.mode == QUATERNION else 1.0 for channel in channels])[:, None, None]
        self.segments = SegmentErrors(self.dense * unit, self.slopes * unit)
        self.reference: FloatArray | None = None
        self.below: BoolArray | None = None
        if figure is not None:
            self.reference = pose_matrices(figure.rig, figure.rotation, figure.location)
            self.below = _below(figure.rig)

    def run(self) -> tuple[list[Keys], PosedError]:
        frames = self.dense.shape[1]
        tolerance = np.repeat(self._first_tolerances()[:, None], frames, axis=1)
        best: tuple[int, list[Keys], PosedError] | None = None
        for turn in range(_ROUNDS):
            keyed = self.segments.fewest(tolerance)
            keys, fitted = fit(self.dense, keyed, self.slopes)
            share, error = self._shares(fitted)
            count = int(keyed.sum())
            if share.max() <= 1.0 and (best is None or count < best[0]):
                best = (count, self._trimmed(keys), error)
            if turn < _GROWING_ROUNDS:
                tolerance *= np.clip(0.95 / np.maximum(share, 1e-9), 0.4, _GROWTH)
            elif share.max() <= 1.0:
                break
            else:
                near = _widened(share)
                tolerance *= np.where(near > 1.0, np.clip(0.9 / np.maximum(near, 1.0), 0.3, 0.8), 1.0)
        if best is None:
            keys, fitted = fit(self.dense, np.ones(self.dense.shape[:2], np.bool_), self.slopes)
            best = (0, self._trimmed(keys), self._shares(fitted)[1])
        return best[1], best[2]

    def _trimmed(self, keys: list[Keys]) -> list[Keys]:
        """Without the columns that fill narrow channels up."""
        widths = [channel.dense.shape[1] for channel in self.channels]
        return [
            Keys(one.frames, one.values[:, :width], one.slopes[:, :width])
            for one, width in zip(keys, widths, strict=True)
        ]

    def _first_tolerances(self) -> FloatArray:
        """(G,): a share of the bound, less for what carries a far-away hand."""
        tolerances = np.empty(len(self.channels))
        for row, channel in enumerate(self.channels):
            if channel.mode == VALUE or self.figure is None or self.below is None:
                tolerances[row] = self.bound.value
                continue
            rig = self.figure.rig
            size = _metres(rig)
            hands = [hand for hand in self.figure.hands if self.below[channel.bone, hand]]
            reach = max(
                (float(np.linalg.norm(rig.heads[hand] - rig.heads[channel.bone])) * size for hand in hands),
                default=0.0,
            )
            if channel.mode == LOCATION:
                tolerances[row] = _FIRST_SHARE * self.bound.hand / size
            else:
                by_hand = self.bound.hand / reach if reach > 0.0 else np.inf
                tolerances[row] = _FIRST_SHARE * min(self.bound.rotation, by_hand)
        return tolerances

    def _shares(self, fitted: FloatArray) -> tuple[FloatArray, PosedError]:
        """(G, T) how much of the bound is used by what each channel moves, and the worst in its own unit."""
        share = np.zeros(fitted.shape[:2])
        rows = np.array([channel.mode == VALUE for channel in self.channels])
        apart = np.abs(fitted - self.dense).max(axis=2)
        share[rows] = apart[rows] / (_AIM * self.bound.value)
        value = float(apart[rows].max(initial=0.0))
        if self.figure is None or self.reference is None or self.below is None or np.all(rows):
            return share, PosedError(value=value)
        posed = self._posed(fitted)
        turn = _angle(posed[..., :3, :3], self.reference[..., :3, :3])
        of_bone = turn / (_AIM * self.bound.rotation)
        hands = list(self.figure.hands)
        moved = (posed - self.reference)[:, hands][..., :3, 3] @ self.figure.rig.to_world[:3, :3].T
        distance = np.linalg.norm(moved, axis=-1)
        of_bone[:, hands] = np.maximum(of_bone[:, hands], distance / (_AIM * self.bound.hand))
        for row, channel in enumerate(self.channels):
            if channel.mode != VALUE:
                share[row] = of_bone[:, self.below[channel.bone]].max(axis=1)
                if channel.mode == LOCATION and not (self.below[channel.bone, hands].any() or not hands):
                    share[row] = apart[row] / (_AIM * self.bound.hand / _metres(self.figure.rig))
        return share, PosedError(float(turn.max()), float(distance.max(initial=0.0)), value)

    def _posed(self, fitted: FloatArray) -> FloatArray:
        assert self.figure is not None
        rotation, location = self.figure.rotation.copy(), self.figure.location.copy()
        for row, channel in enumerate(self.channels):
            values = fitted[row, :, : channel.dense.shape[1]]
            if channel.mode == LOCATION:
                location[:, channel.bone] = values
            elif channel.mode != VALUE:
                rotation[:, channel.bone] = rotation_of(values, channel.mode)
        return pose_matrices(self.figure.rig, rotation, location)


def _widened(share: FloatArray) -> FloatArray:
    """(G, T) the largest share within two frames: what a key here does shows beside it too."""
    padded = np.pad(share, ((0, 0), (2, 2)), mode="edge")
    widest: FloatArray = np.max([padded[:, i : i + share.shape[1]] for i in range(5)], axis=0)
    return widest


def _slopes(dense: FloatArray) -> FloatArray:
    """Central differences over two frames each side where there are any, which noise disturbs less."""
    padded = (
        np.pad(dense, ((0, 0), (2, 2), (0, 0)), mode="reflect", reflect_type="odd")
        if (dense.shape[1] > 2)
        else None
    )
    if padded is None:
        return np.repeat(dense[:, -1:] - dense[:, :1], dense.shape[1], axis=1)
    near, far = padded[:, 3:-1] - padded[:, 1:-3], padded[:, 4:] - padded[:, :-4]
    slopes: FloatArray = (8.0 * near - far) / 12.0
    return slopes


def _below(rig: Rig) -> BoolArray:
    """(J, J): whether the second bone moves with the first, or is it."""
    below = np.eye(len(rig), dtype=np.bool_)
    for bone in range(len(rig)):
        below[list(rig.carriers(bone)), bone] = True
    return below


def _metres(rig: Rig) -> float:
    """Of one unit of the rig along its longest axis."""
    return float(np.linalg.svd(rig.to_world[:3, :3], compute_uv=False)[0])


def _angle(turned: FloatArray, reference: FloatArray) -> FloatArray:
    """Radians (...,) between rotation matrices (..., 3, 3), exact for small angles too."""
    chord = np.sqrt(np.sum((turned - reference) ** 2, axis=(-2, -1)) / 8.0)
    angle: FloatArray = 2.0 * np.arcsin(np.minimum(chord, 1.0))
    return angle
