"""What other programs expect of a character's file: its format, axes, bones and their names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kinematics.curves.error_bound import ErrorBound

FORMATS: Mapping[str, str] = {"fbx": ".fbx", "bvh": ".bvh", "glb": ".glb", "usd": ".usdc"}
"""Formats, and the endings of their files."""


@dataclass(frozen=True)
class Preset:
    """What a program expects.

    forward, up: where Blender's Y and Z point in an FBX file. family, prefix: of bone names; "" leaves them.
    deform_only: bones that move no skin stay behind. root_bone: a bone on the floor travels as the hips do.
    """

    label: str
    forward: str = "-Z"
    up: str = "Y"
    family: str = ""
    prefix: str = ""
    deform_only: bool = False
    root_bone: bool = False


PRESETS: Mapping[str, Preset] = {
    "plain": Preset("As it is"),
    # Z up, facing -Y: what Unreal's importer turns into the way its mannequins face.
    "unreal": Preset("Unreal Engine", "Y", "Z", "unreal", deform_only=True, root_bone=True),
    "unity": Preset("Unity", family="unity_humanoid", deform_only=True),
    "mixamo": Preset("Mixamo", family="mixamo", prefix="mixamorig:", deform_only=True),
}
"""What programs expect, by the name that a user chooses them by."""


@dataclass(frozen=True)
class ExportOptions:
    """preset: one of PRESETS. fps: frames a second of the file, None for the scene's.
    deform_only: leave out bones that move no skin. root_bone: add a bone on the floor that travels as the
    hips do. Both None: as the preset has it, but a control rig without its controls. bound: how far the
    motion may be off for the sake of few curve keys, in formats that have such, which is glTF; None: a key
    in every frame.
    """

    preset: str = "plain"
    fps: float | None = None
    deform_only: bool | None = None
    root_bone: bool | None = None
    bound: ErrorBound | None = None
