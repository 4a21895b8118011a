"""What the add-on's zip brings for Install Backend; `build_addon.py` puts it there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kinematics.errors import A2PError

FOLDER = Path(__file__).resolve().parents[1] / "backend"
_EXTRAS = "[record]"


@dataclass(frozen=True)
class Bundle:
    """pip: its wheel, which Python runs as it is. requirement: the backend, as pip is asked for it.
    constraints: the versions that are known to work with it."""

    pip: Path
    requirement: str
    constraints: Path


def find_bundle(folder: Path = FOLDER) -> Bundle:
    """The bundle in `folder`. Raises A2PError where the add-on did not come out of a zip."""
    pip = next(folder.glob("pip-*.whl"), None)
    backend = next(folder.glob("a2p-*.whl"), None)
    constraints = folder / "constraints.txt"
    if pip is None or backend is None or not constraints.is_file():
        raise A2PError(
            f"This add-on has no backend to install in {folder}: build its zip with build_addon.py and "
            "install that, or name an `a2p` program in the add-on's preferences."
        )
    return Bundle(pip, f"{backend}{_EXTRAS}", constraints)
