"""What Blender, in a process of its own, tells of a character: its meshes, pictures of it, and its poses."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from a2p_backend import blender_process
from kinematics.camera import Camera
from kinematics.errors import A2PError
from kinematics.files import atomic_write

OnStep = Callable[[str, int, int], None]
"""Hears of a stage, what of it is done, and its total."""
Light = Literal["flat", "dome"]

_SECONDS = 7200
_LARGEST_BYTES = 4 * 2**30


class AvatarTrainingError(A2PError):
    """No avatar can be made of this file."""


@dataclass(frozen=True, eq=False)
class View:
    """A picture: pixels (H, W, 4) uint8 sRGB with alpha, its camera, and the shape-key values (E,) that it
    shows.
    """

    camera: Camera
    codes: np.ndarray
    pixels: np.ndarray


def key_of(character: Path) -> str:
    """Of a character's file as it is now, for what is kept of it."""
    status = character.stat()
    return f"{status.st_size:x}-{status.st_mtime_ns:x}"


def kept(path: Path, make: Callable[[], dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """The arrays in a file, or else those that are made, which the file then holds."""
    if path.is_file():
        return _read(path)
    arrays = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as file:
        np.savez(file, **arrays)
    return arrays


def outline(character: Path, on_step: OnStep) -> dict[str, np.ndarray]:
    """The arrays of the meshes alone, which takes a moment. Raises as `show`."""
    return _run(character, ["--views", "0"], on_step)


def show(character: Path, light: Light, size: int, views: int, on_step: OnStep) -> dict[str, np.ndarray]:
    """The arrays of `blender_addon.character`: meshes and pictures.

    Raises BlenderError with what Blender says of the character.
    """
    return _run(character, ["--light", light, "--size", str(size), "--views", str(views)], on_step)


def views_of(arrays: dict[str, np.ndarray]) -> list[View]:
    """The pictures among the arrays of `show`."""
    return [
        View(Camera(K, Rt, pixels.shape[1], pixels.shape[0]), codes, pixels)
        for K, Rt, codes, pixels in zip(
            arrays["view_K"], arrays["view_Rt"], arrays["view_codes"], arrays["view_pixels"], strict=True
        )
    ]


def posed(
    character: Path, rotation: np.ndarray, location: np.ndarray, codes: np.ndarray, on_step: OnStep
) -> np.ndarray:
    """(P, V, 3) where Blender puts the vertices; see `blender_addon.character.arrays.posed`."""
    with tempfile.TemporaryDirectory(prefix="a2p-") as folder:
        asked = Path(folder) / "poses.npz"
        np.savez(asked, rotation=rotation, location=location, codes=codes)
        return _run(character, ["--poses", str(asked)], on_step)["posed"]


def _run(character: Path, arguments: Sequence[str], on_step: OnStep) -> dict[str, np.ndarray]:
    with tempfile.TemporaryDirectory(prefix="a2p-") as folder:
        blender_process.run_program(
            "blender_addon.character",
            [str(character), "--out", folder, *arguments],
            _SECONDS,
            lambda report: on_step(report["stage"], report["done"], report["total"]),
        )
        path = Path(folder) / "character.npz"
        if path.stat().st_size > _LARGEST_BYTES:
            raise AvatarTrainingError(f"The views of {character.name} are too large: fewer --views will do.")
        return _read(path)


def _read(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}
