"""An actor's statistics: what turns recordings and motion into the networks' units and back.

Saved as one safetensors file whose metadata names the format. The released `data_stats.pth` holds the same
figures under other names (`code_*` for the face, `audio_std_flat`).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from a2p_backend.wire.performance import FACE_SIZE, POSE_SIZE
from kinematics.errors import A2PError
from kinematics.files import whole_file

FORMAT = "a2p statistics 1"

_SHAPES = {
    "pose_mean": (POSE_SIZE,),
    "pose_std": (POSE_SIZE,),
    "face_mean": (FACE_SIZE,),
    "face_std": (FACE_SIZE,),
    "audio_mean": (2,),
    "audio_std": (),
}


class StatisticsError(A2PError):
    """A statistics file cannot be used, or figures that are no statistics."""


@dataclass(frozen=True, eq=False)
class Statistics:
    """Means and standard deviations over an actor's training scenes, all float64.

    pose_*: (104,). face_*: (256,). audio_mean: (2,), of the actor's and the partner's channel. audio_std:
    (), over both. Raises StatisticsError where a shape differs, a figure is not finite or a deviation is
    not positive.
    """

    pose_mean: np.ndarray
    pose_std: np.ndarray
    face_mean: np.ndarray
    face_std: np.ndarray
    audio_mean: np.ndarray
    audio_std: np.ndarray

    def __post_init__(self) -> None:
        for name, shape in _SHAPES.items():
            values = np.asarray(getattr(self, name), dtype=np.float64)
            if values.shape != shape:
                raise StatisticsError(f"The statistics' {name} is {values.shape}; it must be {shape}.")
            if not np.isfinite(values).all() or (name.endswith("_std") and (values <= 0).any()):
                raise StatisticsError(
                    f"The statistics' {name} holds values that cannot be used to normalise."
                )
            object.__setattr__(self, name, values)

    def normalise_pose(self, pose: np.ndarray) -> np.ndarray:
        """pose (..., 104) in the networks' units, float32."""
        return ((pose - self.pose_mean) / self.pose_std).astype(np.float32)

    def denormalise_pose(self, pose: np.ndarray) -> np.ndarray:
        """pose (..., 104) back in radians and decimetres, float64."""
        return _scaled(pose, self.pose_std, self.pose_mean)

    def normalise_face(self, face: np.ndarray) -> np.ndarray:
        """face (..., 256) in the networks' units, float32."""
        return ((face - self.face_mean) / self.face_std).astype(np.float32)

    def denormalise_face(self, face: np.ndarray) -> np.ndarray:
        """face (..., 256) back as expression codes, float64."""
        return _scaled(face, self.face_std, self.face_mean)

    def normalise_audio(self, audio: np.ndarray) -> np.ndarray:
        """audio (..., 2), samples of full scale 1, in the networks' units, float32."""
        return ((audio - self.audio_mean) / self.audio_std).astype(np.float32)

    def save(self, path: Path) -> None:
        """Writes the file whole or not at all."""
        with whole_file(path) as file:
            save_file({name: getattr(self, name) for name in _SHAPES}, file, metadata={"format": FORMAT})

    @classmethod
    def load(cls, path: Path) -> Statistics:
        """Reads what `save` wrote. Raises StatisticsError where the file is missing, damaged or something
        else.
        """
        try:
            with safe_open(path, framework="numpy") as file:
                if (file.metadata() or {}).get("format") != FORMAT:
                    raise StatisticsError(
                        f"{path} is not a statistics file of this version; add the actor anew."
                    )
                return cls(**{name: file.get_tensor(name) for name in _SHAPES})
        except (OSError, SafetensorError) as error:
            raise StatisticsError(
                f"{path} cannot be read as statistics: {error}; add the actor anew."
            ) from error


def _scaled(values: np.ndarray, by: np.ndarray, and_then_add: np.ndarray) -> np.ndarray:
    """values * by + and_then_add, float64; for ten minutes of a face, an array more would be 37 MB."""
    scaled = values * by
    scaled += and_then_add
    return scaled
