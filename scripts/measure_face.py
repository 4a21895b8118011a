"""How near ARKit's shapes come to the default actor's own head over a take:

    python scripts/measure_face.py TAKE.npz

Prints which shapes light up for each expression code, how far the head's vertices then are from where the
code has them, and the same for the whole take. Millimetres, over the vertices that the codes move.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from a2p_backend.wire.performance import FACE_SIZE, load_take
from kinematics.arrays import FloatArray
from kinematics.face.motion import default_head, default_motion
from kinematics.face.shapes import ARKIT_SHAPES
from kinematics.face_mesh import load_default_face_mesh

_MOVED = 0.05
"""Centimetres by which some code moves a vertex that counts."""
_WORTH_TELLING = 0.04


def main(take: Path) -> None:
    """Prints the measures."""
    mesh = load_default_face_mesh()
    for code, name in enumerate(mesh.names):
        face = np.eye(1, FACE_SIZE, code)
        weights = default_motion(face).weights(smoothness=0.0)[0]
        told = [
            f"{ARKIT_SHAPES[i]} {weights[i]:.2f}" for i in np.argsort(-weights) if weights[i] > _WORTH_TELLING
        ]
        print(f"{name}: {', '.join(told)}")
        print(f"    {measures(face, weights[None])}")
    face = load_take(take).face
    print(f"{take.name}, {len(face)} frames:\n    {measures(face, default_motion(face).weights())}")


def measures(face: FloatArray, weights: FloatArray) -> str:
    """Errors of weights (T, 52) against what the codes (T, 256) do to the head."""
    mesh, shapes = load_default_face_mesh(), default_head().shapes
    moved = (np.linalg.norm(mesh.moves, axis=2) > _MOVED).any(axis=0)
    teeth = ~np.abs(shapes).any(axis=(0, 2))
    rows = np.flatnonzero(moved & ~teeth)
    errors, ways = [], []
    for codes, row in zip(mesh.codes(face), weights, strict=True):
        wanted = np.tensordot(codes, mesh.moves[:, rows], axes=1)
        errors.append(np.linalg.norm(np.tensordot(row, shapes[:, rows], axes=1) - wanted, axis=1))
        ways.append(np.linalg.norm(wanted, axis=1))
    error, way = 10.0 * np.array(errors), 10.0 * np.array(ways)
    return (
        f"error rms {_rms(error):.2f}, 95 % {np.percentile(error, 95):.2f}, worst {error.max():.1f}; "
        f"motion rms {_rms(way):.2f}, largest {way.max():.1f}"
    )


def _rms(values: FloatArray) -> float:
    return float(np.sqrt(np.mean(values**2)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
