"""The parameter transform: an actor's 104 pose numbers, and its scales, to seven channels a joint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kinematics.arrays import FloatArray, constant
from kinematics.files import read_text
from kinematics.limits import Limit, MinMaxLimit
from kinematics.parameter_text import ParameterFileError, parse_parameters
from kinematics.skeleton import Skeleton

__all__ = [
    "ParameterFileError",
    "ParameterTransform",
    "read_parameters",
    "transform_from_legacy",
    "transform_from_text",
]

_LARGEST_FILE = 1 << 24


@dataclass(frozen=True, eq=False)
class ParameterTransform:
    """channels = matrix @ parameters + offsets, for J joints, P pose and Q scale parameters.

    names: P + Q unique names, the pose parameters first.
    matrix: (7 J, P + Q); row 7 j + k drives channel k (tx ty tz rx ry rz sc) of joint j.
    offsets: (7 J,), the channels of the all-zero parameters.
    limits: soft limits of a solver; good for slider ranges, not applied to generated motion.
    pose_count: P.

    Translations are centimetres, rotations radians, scales log2. Raises ValueError where the arrays do not
    fit.
    """

    names: tuple[str, ...]
    matrix: FloatArray
    offsets: FloatArray
    limits: tuple[Limit, ...] = ()
    pose_count: int = 104

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(self.names))
        object.__setattr__(self, "limits", tuple(self.limits))
        object.__setattr__(self, "matrix", constant(self.matrix, np.float64))
        object.__setattr__(self, "offsets", constant(self.offsets, np.float64))
        rows = len(self.offsets)
        if self.offsets.ndim != 1 or rows % 7 or self.matrix.shape != (rows, len(self.names)):
            raise ValueError(
                f"a matrix {self.matrix.shape} does not map {len(self.names)} names to {rows} channels"
            )
        if len(set(self.names)) != len(self.names):
            raise ValueError("parameter names repeat")
        if not 0 <= self.pose_count <= len(self.names):
            raise ValueError(f"{self.pose_count} pose parameters cannot be among {len(self.names)}")
        if not (np.all(np.isfinite(self.matrix)) and np.all(np.isfinite(self.offsets))):
            raise ValueError("a weight or constant is not a finite number")

    @property
    def scale_count(self) -> int:
        """Q, the number of scale parameters."""
        return len(self.names) - self.pose_count

    @property
    def joint_count(self) -> int:
        """J, the number of joints whose channels it drives."""
        return len(self.offsets) // 7

    def channels(self, pose: npt.ArrayLike, scales: npt.ArrayLike | None = None) -> FloatArray:
        """Channels (..., J, 7) of pose parameters (..., P) and scales (Q,) or (..., Q); None: all zero."""
        pose = np.asarray(pose, dtype=np.float64)
        if pose.shape[-1:] != (self.pose_count,):
            raise ValueError(
                f"expected {self.pose_count} pose parameters a frame, not an array of shape {pose.shape}"
            )
        channels = pose @ self.matrix[:, : self.pose_count].T + self._scale_channels(scales)
        shaped: FloatArray = channels.reshape(*channels.shape[:-1], self.joint_count, 7)
        return shaped

    def solve_pose(self, channels: npt.ArrayLike, scales: npt.ArrayLike | None = None) -> FloatArray:
        """Pose parameters (..., P) whose channels come closest, by least squares, to `channels` (..., J, 7).

        scales: known scale parameters (Q,) or (..., Q); None: all zero. The exact inverse of `channels` where
        the channels are reachable and every parameter drives one.
        """
        channels = np.asarray(channels, dtype=np.float64)
        flat = channels.reshape(*channels.shape[:-2], 7 * self.joint_count)
        pose: FloatArray = (flat - self._scale_channels(scales)) @ self._pose_inverse.T
        return pose

    def ranges(self) -> FloatArray:
        """(P + Q, 2) each parameter's lowest and highest value by its minmax limits; infinite without one."""
        ranges = np.tile([-np.inf, np.inf], (len(self.names), 1))
        for limit in self.limits:
            if isinstance(limit, MinMaxLimit) and limit.target in self.names:
                parameter = self.names.index(limit.target)
                ranges[parameter, 0] = max(ranges[parameter, 0], limit.lower)
                ranges[parameter, 1] = min(ranges[parameter, 1], limit.upper)
        return ranges

    def _scale_channels(self, scales: npt.ArrayLike | None) -> FloatArray:
        if scales is None:
            return self.offsets
        scales = np.asarray(scales, dtype=np.float64)
        if scales.shape[-1:] != (self.scale_count,):
            raise ValueError(
                f"expected {self.scale_count} scale parameters, not an array of shape {scales.shape}"
            )
        channels: FloatArray = scales @ self.matrix[:, self.pose_count :].T + self.offsets
        return channels

    @cached_property
    def _pose_inverse(self) -> FloatArray:
        inverse: FloatArray = np.linalg.pinv(self.matrix[:, : self.pose_count])
        return inverse


def read_parameters(
    path: str | Path, skeleton: Skeleton, *, skip_unknown: bool = False
) -> ParameterTransform:
    """The parameter definition of a `.model` or `.cfg` file (Momentum's parameter text) for a skeleton.

    skip_unknown: see `kinematics.parameter_text.parse_parameters`.

    Raises ParameterFileError, with the line number, where the file is missing, malformed, or names what is
    not there.
    """
    path = Path(path)
    try:
        text = read_text(path, _LARGEST_FILE)
    except OSError as error:
        raise ParameterFileError(f"The parameter file {path} cannot be opened: {error.strerror}.") from error
    except ValueError as error:
        raise ParameterFileError(f"The parameter file {path} is no parameter text: {error}.") from error
    return transform_from_text(text, skeleton, str(path), skip_unknown=skip_unknown)


def transform_from_text(
    text: str, skeleton: Skeleton, source: str, *, skip_unknown: bool = False
) -> ParameterTransform:
    """The parameter definition in a text, which messages call `source`. Otherwise as `read_parameters`."""
    parsed = parse_parameters(text, skeleton, source, skip_unknown=skip_unknown)
    pose_count = len(parsed.names) - parsed.scale_count
    try:
        return ParameterTransform(parsed.names, parsed.matrix, parsed.offsets, parsed.limits, pose_count)
    except ValueError as error:
        raise ParameterFileError(f"{source} cannot be used: {error}.") from error


def transform_from_legacy(config: Mapping[str, Any]) -> ParameterTransform:
    """The definition that a released actor's checkpoint carries (`lbs_config_dict`); its limits are not used.

    KeyError or ValueError where it is malformed.
    """
    matrix = np.asarray(config["transform"], dtype=np.float64)
    names = config.get("model_param_names") or [f"parameter_{column}" for column in range(matrix.shape[1])]
    pose_count, scale_count = int(config["nr_position_params"]), int(config["nr_scaling_params"])
    if pose_count + scale_count != matrix.shape[1]:
        raise ValueError(
            f"{pose_count} pose and {scale_count} scale parameters are not {matrix.shape[1]} columns"
        )
    offsets = np.asarray(config["transform_offsets"], dtype=np.float64).reshape(-1)
    return ParameterTransform(tuple(map(str, names)), matrix, offsets, pose_count=pose_count)
