"""Means and spreads of the pose parameters of the four released actors, to set the synthetic actor's ranges
by.

The figures come from the actors' published data statistics (parameters 0 to 2 in decimetres, the others in
radians). Columns named after an actor hold that person; the two sides of a limb are averaged here, since
one actor's habits are not what the synthetic actor is after.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib import resources

import numpy as np

ACTORS = ("PXB184", "RLW104", "TXB805", "GQS883")
RIGHT_ARM, LEFT_ARM = slice(16, 28), slice(28, 40)
RIGHT_LEG, LEFT_LEG = slice(40, 49), slice(49, 58)
RIGHT_HAND, LEFT_HAND = slice(58, 81), slice(81, 104)


@cache
def actor_statistics() -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """Parameter names, means (104, 4) and standard deviations (104, 4), one column for each of ACTORS."""
    with (
        resources.files(__package__)
        .joinpath("actor_pose_statistics.csv")
        .open(encoding="utf-8", newline="") as file
    ):
        rows = list(csv.DictReader(file))
    table = np.array(
        [[float(row[f"{actor}_{kind}"]) for kind in ("mean", "std") for actor in ACTORS] for row in rows]
    )
    return tuple(row["name"] for row in rows), table[:, :4], table[:, 4:]


def typical(part_right: slice, part_left: slice) -> tuple[np.ndarray, np.ndarray]:
    """Mean and spread of a limb's parameters over both sides and all actors."""
    _, means, spreads = actor_statistics()
    both = np.concatenate([means[part_right], means[part_left]], axis=1)
    spread = np.concatenate([spreads[part_right], spreads[part_left]], axis=1)
    return both.mean(axis=1), spread.mean(axis=1)
