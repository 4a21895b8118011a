"""A small face of 3000 vertices, and what may be done to any mesh without changing the face."""

from __future__ import annotations

import numpy as np

EYES = np.array([(3.2, 0.0, 0.0), (-3.2, 0.0, 0.0)])


def small_face() -> tuple[np.ndarray, np.ndarray]:
    """Vertices and faces of a sheet with brows, a nose, a mouth that dips and a chin; eyes at EYES.

    Its triangles are mirror images, too.
    """
    x, y = (axis.ravel() for axis in np.meshgrid(np.linspace(-7, 7, 43), np.linspace(-12, 6, 70)))
    z = 2.5 - 0.06 * x**2 - 0.02 * (y + 3.0) ** 2
    z = z + 2.2 * np.exp(-((x / 0.8) ** 2) - ((y + 3.7) / 1.2) ** 2)
    z = z + 0.8 * np.exp(-((x / 2.0) ** 2) - ((y + 9.6) / 0.9) ** 2)
    for lip in (-6.2, -7.4):
        z = z + 0.6 * np.exp(-((x / 2.0) ** 2) - ((y - lip) / 0.35) ** 2)
    corner = np.arange(69)[:, None] * 43 + np.arange(42)
    quads = np.stack([corner, corner + 1, corner + 44, corner + 43], axis=-1)
    right, left = quads[:, :21].reshape(-1, 4), quads[:, 21:].reshape(-1, 4)
    halves = [right[:, [0, 1, 2]], right[:, [0, 2, 3]], left[:, [0, 1, 3]], left[:, [1, 2, 3]]]
    return np.stack([x, y, z], axis=1), np.concatenate(halves)


def subdivided(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same surface with four triangles for each."""
    edges = np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    unique, number = np.unique(edges, axis=0, return_inverse=True)
    a, b, c = faces.T
    ab, bc, ca = (len(vertices) + number.reshape(-1, 3)).T
    parts = [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]
    finer = np.concatenate([np.stack(part, axis=1) for part in parts])
    return np.concatenate([vertices, vertices[unique].mean(axis=1)]), finer
