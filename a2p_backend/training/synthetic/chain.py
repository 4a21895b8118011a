"""Inverse kinematics of one limb: a damped least-squares solver over a batch of frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kinematics.body import Body
from kinematics.rotations import matrix_from_quaternion

_STEP = 1e-4


def _euler_matrices(angles: np.ndarray) -> np.ndarray:
    """Rz Ry Rx for angles (..., 3) = rx, ry, rz; the kinematics page's order, without quaternions in
    between.
    """
    (cx, cy, cz), (sx, sy, sz) = np.moveaxis(np.cos(angles), -1, 0), np.moveaxis(np.sin(angles), -1, 0)
    return np.stack(
        [
            np.stack([cz * cy, cz * sy * sx - sz * cx, cz * sy * cx + sz * sx], -1),
            np.stack([sz * cy, sz * sy * sx + cz * cx, sz * sy * cx - cz * sx], -1),
            np.stack([-sy, cy * sx, cy * cx], -1),
        ],
        -2,
    )


@dataclass(frozen=True)
class Chain:
    """The joints from just below `base` down to the tip, and the pose parameters that move them.

    offsets (n, 3) cm and pre_rotations (n, 3, 3) are each joint's; drive (n, 6, p) maps the p parameters
    (columns `columns` of a pose) to tx ty tz rx ry rz.
    """

    offsets: np.ndarray
    pre_rotations: np.ndarray
    drive: np.ndarray
    columns: np.ndarray

    @staticmethod
    def between(body: Body, base: str, tip: str) -> Chain:
        """The chain of `body` whose frame is the joint `base` and whose end is the joint `tip`."""
        skeleton = body.skeleton
        joints: list[int] = []
        joint = skeleton.index(tip)
        while joint != skeleton.index(base):
            joints.insert(0, joint)
            joint = int(skeleton.parents[joint])
        drive = np.asarray(body.transform.matrix).reshape(len(skeleton.names), 7, -1)[joints, :6, :104]
        columns = np.flatnonzero(np.any(drive != 0, axis=(0, 1)))
        return Chain(
            np.asarray(skeleton.offsets)[joints],
            matrix_from_quaternion(np.asarray(skeleton.pre_rotations)[joints]),
            drive[..., columns],
            columns,
        )

    def tip(self, parameters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Position (..., 3) in cm and axes (..., 3, 3) of the tip in the base's frame, for parameters (...,
        p).
        """
        channels = np.einsum("ncp,...p->...nc", self.drive, parameters)
        position = np.zeros((*parameters.shape[:-1], 3))
        axes = np.broadcast_to(np.eye(3), (*parameters.shape[:-1], 3, 3))
        for index in range(len(self.offsets)):
            shift = self.offsets[index] + channels[..., index, :3]
            position = position + (axes @ shift[..., None])[..., 0]
            axes = axes @ (self.pre_rotations[index] @ _euler_matrices(channels[..., index, 3:]))
        return position, axes

    def reach(
        self,
        position: np.ndarray,
        axes: np.ndarray,
        prior: np.ndarray,
        spread: np.ndarray,
        *,
        position_tolerance: float,
        axes_tolerance: np.ndarray,
        iterations: int,
    ) -> np.ndarray:
        """Parameters (N, p) that bring the tip to position (N, 3) cm and axes (N, 3, 3) and stay near the
        prior.

        prior (N, p) or (p,) and spread (p,) are a normal distribution of each parameter; position_tolerance
        (cm) and axes_tolerance (3,) (sine of the angle, for each of the tip's axes; infinite where it is
        free) weigh the goal.
        """

        def goal(parameters: np.ndarray) -> np.ndarray:
            at, turned = self.tip(parameters)
            turn = (turned - axes) / axes_tolerance
            return np.concatenate(
                [(at - position) / position_tolerance, turn.reshape(*turn.shape[:-2], 9)], axis=-1
            )

        prior = np.broadcast_to(prior, (len(position), len(self.columns)))
        parameters = prior.copy()
        for _ in range(iterations):
            residual = goal(parameters)
            slopes = np.stack(
                [(goal(parameters + _STEP * step) - residual) / _STEP for step in np.eye(len(self.columns))],
                axis=-1,
            )
            left = np.swapaxes(slopes, 1, 2) @ slopes + np.diag(spread**-2.0)
            right = (np.swapaxes(slopes, 1, 2) @ residual[..., None])[..., 0] + (
                parameters - prior
            ) / spread**2
            change = np.linalg.solve(left, right[..., None])[..., 0]
            parameters = parameters - np.clip(change, -0.5, 0.5)
        return parameters
