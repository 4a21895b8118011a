"""The paper's measures of generated motion (audio2photoreal, section 5.1), on poses in their natural units.

Arrays are (R, N, T, D): R repetitions of the generation of N clips of T frames, D parameters. Frechet
distances compare two distributions and want generated and captured motion; the others look at one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.linalg import sqrtm

DIVERSITY_PAIRS = 10_000


@dataclass(frozen=True, eq=False)
class Gaussian:
    """Mean (D,) and covariance (D, D) of a set of vectors."""

    mean: np.ndarray
    covariance: np.ndarray

    @classmethod
    def of(cls, vectors: np.ndarray) -> Gaussian:
        """The Gaussian of vectors (..., D), all leading axes pooled, in float64; at least two are needed."""
        pooled = np.asarray(vectors, dtype=np.float64).reshape(-1, vectors.shape[-1])
        return cls(pooled.mean(axis=0), np.cov(pooled, rowvar=False))

    def frechet_distance(self, other: Gaussian) -> float:
        """Squared difference of the means + trace(C1 + C2 - 2 sqrt(C1 C2)); the root's imaginary dust is
        dropped.
        """
        root = np.real(sqrtm(self.covariance @ other.covariance))
        difference = self.mean - other.mean
        return float(difference @ difference + np.trace(self.covariance + other.covariance - 2.0 * root))


def frechet_distance(generated: np.ndarray, captured: np.ndarray) -> float:
    """FD_g: how far the poses' distributions are apart, (..., D) each."""
    return Gaussian.of(generated).frechet_distance(Gaussian.of(captured))


def kinetic_frechet_distance(generated: np.ndarray, captured: np.ndarray) -> float:
    """FD_k: the same of frame differences, (..., T, D) each; differences do not cross from clip to clip."""
    return frechet_distance(np.diff(generated, axis=-2), np.diff(captured, axis=-2))


def pair_distances(motion: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Euclidean distances (P,) of pairs of frames of motion (..., D), by their places (P,) among all frames
    pooled.
    """
    frames = motion.reshape(-1, motion.shape[-1])
    return np.linalg.norm(frames[first] - frames[second], axis=-1)


def diversity(motion: np.ndarray, rng: np.random.Generator, pairs: int = DIVERSITY_PAIRS) -> float:
    """Div_g: mean distance of `pairs` random pairs of frames of motion (..., D)."""
    frames = motion.size // motion.shape[-1]
    first, second = rng.integers(frames, size=(2, pairs))
    return float(pair_distances(motion, first, second).mean())


def kinetic_diversity(motion: np.ndarray) -> float:
    """Div_k: mean variance over time of motion (..., T, D)."""
    return float(motion.var(axis=-2).mean())


def sample_diversity(motion: np.ndarray) -> float:
    """Div_sample: mean variance over the repetitions of motion (R, N, T, D)."""
    return float(motion.var(axis=0).mean())


def evaluate(generated: np.ndarray, captured: np.ndarray, rng: np.random.Generator) -> Mapping[str, float]:
    """All five by the paper's names; generated (R, N, T, D), captured (N, T, D) or (R, N, T, D)."""
    return {
        "FD_g": frechet_distance(generated, captured),
        "FD_k": kinetic_frechet_distance(generated, captured),
        "Div_g": diversity(generated, rng),
        "Div_k": kinetic_diversity(generated),
        "Div_sample": sample_diversity(generated),
    }
