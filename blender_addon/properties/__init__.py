"""What the sidebar remembers in each scene: one module a section."""

from __future__ import annotations

import bpy

from . import clip, edit, export, performance, plate, rig, takes


class A2PSceneSettings(bpy.types.PropertyGroup):
    """All sections' settings: `scene.a2p`."""

    clip: bpy.props.PointerProperty(type=clip.A2PClipSettings)
    performance: bpy.props.PointerProperty(type=performance.A2PPerformanceSettings)
    takes: bpy.props.PointerProperty(type=takes.A2PTakesSettings)
    edit: bpy.props.PointerProperty(type=edit.A2PEditSettings)
    rig: bpy.props.PointerProperty(type=rig.A2PRigSettings)
    plate: bpy.props.PointerProperty(type=plate.A2PPlateSettings)
    export: bpy.props.PointerProperty(type=export.A2PExportSettings)


CLASSES = (
    *clip.CLASSES,
    *performance.CLASSES,
    *edit.CLASSES,
    *takes.CLASSES,
    *rig.CLASSES,
    *plate.CLASSES,
    *export.CLASSES,
    A2PSceneSettings,
)


def attach() -> None:
    """Give Blender's data-blocks our properties."""
    bpy.types.Scene.a2p = bpy.props.PointerProperty(type=A2PSceneSettings)
    bpy.types.Action.a2p = bpy.props.PointerProperty(type=takes.A2PTake)


def detach() -> None:
    """Take them away again; what they hold stays in the file."""
    del bpy.types.Action.a2p
    del bpy.types.Scene.a2p
