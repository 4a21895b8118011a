"""A body: one actor's skeleton, parameter transform, fixed scales and mesh."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kinematics.arrays import Array, FloatArray, constant
from kinematics.body_file import read_body_json
from kinematics.errors import A2PError
from kinematics.limits import EllipsoidLimit, HalfPlaneLimit, Limit, LinearLimit, MinMaxLimit
from kinematics.parameters import ParameterTransform, read_parameters, transform_from_legacy
from kinematics.pose import JointStates, forward_kinematics
from kinematics.skeleton import Skeleton, skeleton_from_legacy
from kinematics.skinning import SkinnedMesh, mesh_from_legacy, skin

_DEFAULT_ACTOR = Path(__file__).parent / "actors" / "default"
_LIMIT_TYPES: dict[str, type[Limit]] = {
    kind.__name__: kind for kind in (MinMaxLimit, LinearLimit, HalfPlaneLimit, EllipsoidLimit)
}


@dataclass(frozen=True, eq=False)
class Body:
    """What turns an actor's poses into joints and skin.

    name: the actor's name.
    scale_parameters: (Q,) the actor's fixed scale parameters, log2.
    mesh: None where the actor has no mesh.

    Raises ValueError where the parts do not fit each other.
    """

    name: str
    skeleton: Skeleton
    transform: ParameterTransform
    scale_parameters: FloatArray
    mesh: SkinnedMesh | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "scale_parameters", constant(self.scale_parameters, np.float64))
        if self.transform.joint_count != len(self.skeleton):
            joints = self.transform.joint_count
            raise ValueError(f"the parameters drive {joints} joints, the skeleton has {len(self.skeleton)}")
        if self.scale_parameters.shape != (self.transform.scale_count,):
            raise ValueError(
                f"expected {self.transform.scale_count} scale parameters, not {self.scale_parameters.shape}"
            )
        if not np.all(np.isfinite(self.scale_parameters)):
            raise ValueError("a scale parameter is not a finite number")
        if self.mesh is not None and self.mesh.indices.max(initial=0) >= len(self.skeleton):
            raise ValueError("the mesh's skin names a joint that the skeleton does not have")

    def channels(self, pose: npt.ArrayLike) -> FloatArray:
        """Channels (..., J, 7) of poses (..., P), at this actor's scales."""
        return self.transform.channels(pose, self.scale_parameters)

    def global_states(self, pose: npt.ArrayLike) -> JointStates:
        """Global joint states (..., J) of poses (..., P), at this actor's scales."""
        return forward_kinematics(self.skeleton, self.channels(pose))

    def bind_states(self) -> JointStates:
        """Global states (J,) of the bind pose: all parameters zero, scales too. The mesh is given in it."""
        return self._bind_states

    def skin(self, pose: npt.ArrayLike, vertices: npt.ArrayLike | None = None) -> FloatArray:
        """Posed vertices (..., V, 3) float32, centimetres, of poses (..., P).

        vertices: (V, 3) or (..., V, 3) bind-pose positions instead of the mesh's own. ValueError without a
            mesh.
        """
        if self.mesh is None:
            raise ValueError(f"the body of {self.name} has no mesh")
        return skin(self.mesh, self.global_states(pose), self.bind_states(), vertices)

    @cached_property
    def _bind_states(self) -> JointStates:
        return forward_kinematics(self.skeleton, self.transform.channels(np.zeros(self.transform.pose_count)))

    def to_arrays(self) -> dict[str, Array]:
        """Numeric arrays that hold the whole body, for a wire or an .npz file; `from_arrays` is the inverse.

        Names and limits travel in `header`, UTF-8 JSON as bytes.
        """
        header = {
            "name": self.name,
            "joints": self.skeleton.names,
            "parameters": self.transform.names,
            "pose_count": self.transform.pose_count,
            "limits": [{"type": type(limit).__name__, **asdict(limit)} for limit in self.transform.limits],
        }
        arrays: dict[str, Array] = {
            "header": np.frombuffer(json.dumps(header).encode(), np.uint8),
            "parents": self.skeleton.parents,
            "offsets": self.skeleton.offsets,
            "pre_rotations": self.skeleton.pre_rotations,
            "matrix": self.transform.matrix,
            "channel_offsets": self.transform.offsets,
            "scale_parameters": self.scale_parameters,
        }
        if self.mesh is not None:
            arrays |= {f"mesh_{part.name}": getattr(self.mesh, part.name) for part in fields(self.mesh)}
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> Body:
        """The body that `to_arrays` took apart. A2PError where the arrays are not such a body."""
        try:
            header = json.loads(bytes(arrays["header"].astype(np.uint8)))
            limits = tuple(_limit_from_json(limit) for limit in header["limits"])
            names = {part.name for part in fields(SkinnedMesh)}
            return cls(
                name=str(header["name"]),
                skeleton=Skeleton(
                    header["joints"],
                    arrays["parents"],
                    arrays["offsets"],
                    arrays["pre_rotations"],
                ),
                transform=ParameterTransform(
                    header["parameters"],
                    arrays["matrix"],
                    arrays["channel_offsets"],
                    limits,
                    header["pose_count"],
                ),
                scale_parameters=arrays["scale_parameters"],
                mesh=SkinnedMesh(**{name: arrays[f"mesh_{name}"] for name in names})
                if "mesh_faces" in arrays
                else None,
            )
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            raise A2PError(f"The body description is damaged ({error}): fetch it again.") from error


def load_body(
    name: str, body_path: Path, parameters_path: Path, scale_parameters: npt.ArrayLike | None = None
) -> Body:
    """A body from its files; scale parameters (Q,), all zero when None.

    Raises BodyFileError or ParameterFileError where a file cannot be used.
    """
    skeleton, mesh = read_body_json(body_path)
    transform = read_parameters(parameters_path, skeleton)
    scales = np.zeros(transform.scale_count) if scale_parameters is None else np.asarray(scale_parameters)
    return Body(name, skeleton, transform, scales, mesh)


def body_from_legacy(
    name: str, lbs_model: Mapping[str, Any], lbs_config: Mapping[str, Any], scale_parameters: npt.ArrayLike
) -> Body:
    """A body from what a released actor's static assets carry.

    lbs_model: its `lbs_model_json`, the content of a body file. lbs_config: its `lbs_config_dict`.
    scale_parameters: its `lbs_scale` (Q,).

    Raises A2PError where the parts are malformed or do not fit each other.
    """
    try:
        skeleton = skeleton_from_legacy(lbs_model["Skeleton"])
        mesh = mesh_from_legacy(lbs_model["SkinnedModel"], len(skeleton))
        return Body(name, skeleton, transform_from_legacy(lbs_config), np.asarray(scale_parameters), mesh)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise A2PError(f"The body of actor {name} is damaged ({error}): get its assets again.") from error


@cache
def load_default_body() -> Body:
    """The body of the default actor, which comes with this package."""
    return load_body("default", _DEFAULT_ACTOR / "body.json", _DEFAULT_ACTOR / "parameters.model")


def _limit_from_json(limit: Mapping[str, Any]) -> Limit:
    values = {key: _as_tuple(value) for key, value in limit.items() if key != "type"}
    return _LIMIT_TYPES[str(limit["type"])](**values)


def _as_tuple(value: Any) -> Any:
    return tuple(map(_as_tuple, value)) if isinstance(value, list) else value
