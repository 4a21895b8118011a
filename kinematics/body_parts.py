"""The parts of a body: which of a frame's 104 pose parameters move what.

The layout is that of `actors/default/parameters.csv`; all released actors share it.
"""

from __future__ import annotations

from collections.abc import Mapping

BODY_PARTS: Mapping[str, range] = {
    "root": range(0, 6),
    "torso": range(6, 12),
    "head": range(12, 16),
    "right_arm": range(16, 28),
    "left_arm": range(28, 40),
    "legs": range(40, 58),
    "right_hand": range(58, 81),
    "left_hand": range(81, 104),
}
"""Parameters of each part, by its name. Legs keep their footing only together with the root."""
