"""In which form takes leave Blender."""

from __future__ import annotations

import bpy

from ..scene import export

FORMATS = (
    ("FBX", "FBX", "Rig, meshes and motion"),
    ("BVH", "BVH", "Bones and motion, in centimetres with Y up"),
    ("GLB", "glTF", "Rig, meshes and motion, for the web and most engines"),
    ("USD", "USD", "Rig, meshes and motion, for film pipelines"),
)
PROGRAMS = [
    (name, preset.label, f"For {preset.label}" if name != "plain" else "As the rig is in Blender")
    for name, preset in export.PRESETS.items()
]


class ExportProperties:
    """The form of an exported take: the same settings in the panel and for batches."""

    format: bpy.props.EnumProperty(name="Format", description="The kind of file", items=FORMATS)
    preset: bpy.props.EnumProperty(
        name="For",
        description="Axes, bones and names as a program expects them",
        items=PROGRAMS,
    )


class A2PExportSettings(ExportProperties, bpy.types.PropertyGroup):
    """The Export section's settings, kept in the .blend."""


CLASSES = (A2PExportSettings,)
