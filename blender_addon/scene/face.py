"""Face codes as keyed custom properties, and the bones that follow them."""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from . import keyframes

FACE_MARK = "a2p_face"
"""The property of Actions of shape keys that came from a take: exports have them, and no other."""
_GROUP = "Face"
_JAW = "b_jaw"
_JAW_CODE = "jaw_open"
_JAW_RADIANS = 0.30
"""How far the jaw turns when fully open."""


def add_face_properties(armature: bpy.types.Object, names: tuple[str, ...]) -> None:
    """A custom property for each named code, 0 at rest to 1 fully on; the jaw bone follows its code."""
    for name in names:
        armature[name] = 0.0
        armature.id_properties_ui(name).update(
            min=-1.0,
            max=2.0,
            soft_min=0.0,
            soft_max=1.0,
            default=0.0,
            description=f"Face code {name}: 0 at rest, 1 fully on",
        )
    if _JAW_CODE in names and _JAW in armature.pose.bones:
        _drive_jaw(armature)


def key_face(
    curves: Any, face: NDArray[np.floating[Any]], names: tuple[str, ...], first_frame: float
) -> None:
    """Key the named codes from face (T, 256): names[i] is code i."""
    for index, name in enumerate(names):
        keyframes.key_property(curves, f'["{name}"]', face[:, index], first_frame, _GROUP)


def _drive_jaw(armature: bpy.types.Object) -> None:
    """Turn the jaw about the axis through both its hinges: the bone's X, to the figure's left."""
    armature.pose.bones[_JAW].rotation_mode = "XYZ"
    driver = armature.driver_add(f'pose.bones["{_JAW}"].rotation_euler', 0).driver
    variable = driver.variables.new()
    variable.name = "opening"
    variable.targets[0].id = armature
    variable.targets[0].data_path = f'["{_JAW_CODE}"]'
    # A product of a variable and a number: Blender evaluates it itself, without leave to run Python.
    driver.expression = f"opening * {_JAW_RADIANS}"
