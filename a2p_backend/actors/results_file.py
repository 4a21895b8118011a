"""The original's results files: `results.npy`, a pickled dictionary whose `motions` are a network's output.

One file holds the motion of several clips (samples), of the body (104 numbers a frame) or of the face (256).
It is read as data (`restricted_pickle`). Its axes may be samples, frames, numbers, or samples, numbers, [1,]
frames.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np

from a2p_backend.actors.restricted_pickle import read_object_array
from a2p_backend.wire.performance import FACE_SIZE, POSE_SIZE, Performance
from kinematics.errors import A2PError
from kinematics.files import atomic_write

MOTIONS = "motions"
_WIDTHS = {POSE_SIZE: "pose", FACE_SIZE: "face"}


class ResultsError(A2PError):
    """A results file does not hold what is asked of it."""


def read_motions(path: Path) -> list[np.ndarray]:
    """The motions (T, 104) or (T, 256) of every sample in a results file.

    Raises:
        ResultsError: it is no results file, or its motions are of neither body nor face.
        RestrictedPickleError: it cannot be read, or asks for more than data.
    """
    content = read_object_array(path)
    results = content.item() if content.dtype == object and content.ndim == 0 else None
    if not isinstance(results, dict) or MOTIONS not in results:
        raise ResultsError(f"{path} is no results file of the original: it has no {MOTIONS}.")
    motions = list(_samples(results[MOTIONS], path))
    if not motions:
        raise ResultsError(f"{path} holds no motion.")
    return motions


def performance_from_results(
    path: Path, sample: int = 0, partner: Path | None = None, **made: Any
) -> Performance:
    """One sample of a results file as a performance; what the files do not hold is zero, with a warning.

    Args:
        partner: a results file with the other half, the face of the body or the body of the face.
        made: `actor` and `seed` of the performance.

    Raises:
        ResultsError: there is no such sample, or the halves do not fit each other.
    """
    halves: dict[str, np.ndarray] = {}
    for source in filter(None, (path, partner)):
        motions = read_motions(source)
        if not 0 <= sample < len(motions):
            raise ResultsError(f"{source} has no sample {sample}: its {len(motions)} are numbered from 0.")
        kind = _WIDTHS[motions[sample].shape[1]]
        if kind in halves:
            raise ResultsError(
                f"{path} and {partner} both hold a {kind}: name one of the body and one of the face."
            )
        halves[kind] = motions[sample].astype(np.float32)
    lengths = {len(motion) for motion in halves.values()}
    if len(lengths) > 1:
        raise ResultsError(f"{path} and {partner} are of different lengths: {sorted(lengths)} frames.")
    (frames,) = lengths
    blank = {kind: np.zeros((frames, width), np.float32) for width, kind in _WIDTHS.items()}
    return Performance(
        **(blank | halves),
        guide=np.zeros((0, POSE_SIZE), np.float32),
        clip_name=path.name,
        clip_sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        warnings=tuple(
            f"{path.name} holds no {kind}: it is zero throughout." for kind in blank if kind not in halves
        ),
        **made,
    )


def write_results(performance: Performance, path: Path, *, face: bool = False) -> None:
    """Writes the body of a performance, or its face, as the original does: motions (1, T, C) float64.

    Raises:
        ResultsError: the file cannot be written.
    """
    motion = performance.face if face else performance.pose
    try:
        with atomic_write(path) as file:
            np.save(file, {MOTIONS: motion[None].astype(np.float64)}, allow_pickle=True)
    except OSError as error:
        raise ResultsError(f"Cannot write the results {path}: {error.strerror or error}.") from error


def _samples(motions: Any, path: Path) -> list[np.ndarray]:
    """Motions (T, width) from a list, or from an array with any axes before these."""
    if isinstance(motions, list | tuple) or (isinstance(motions, np.ndarray) and motions.dtype == object):
        return [sample for part in motions for sample in _samples(part, path)]
    if not isinstance(motions, np.ndarray) or motions.dtype.kind != "f" or motions.ndim < 2:
        raise ResultsError(f"{path} holds motions that are no arrays of numbers.")
    if motions.shape[-1] not in _WIDTHS:
        if motions.ndim > 2 and motions.shape[-2] == 1:
            motions = motions[..., 0, :]
        motions = np.swapaxes(motions, -1, -2)
    if motions.shape[-1] not in _WIDTHS:
        raise ResultsError(
            f"{path} holds motions of shape {motions.shape}: none of its axes has {POSE_SIZE} or {FACE_SIZE}."
        )
    return list(motions.reshape(-1, *motions.shape[-2:]))
