"""How a plate is rendered."""

from __future__ import annotations

import bpy

from a2p_backend.wire.settings import MAX_PLATE_SIDE, MIN_PLATE_SIDE, PlateSettings


class PlateProperties:
    """The settings of a plate: the same ones in the panel and for the operator."""

    plate_width: bpy.props.IntProperty(
        name="Width",
        description="Width of the plate in pixels",
        default=PlateSettings.width,
        min=MIN_PLATE_SIDE,
        max=MAX_PLATE_SIDE,
    )
    plate_height: bpy.props.IntProperty(
        name="Height",
        description="Height of the plate in pixels",
        default=PlateSettings.height,
        min=MIN_PLATE_SIDE,
        max=MAX_PLATE_SIDE,
    )


class A2PPlateSettings(PlateProperties, bpy.types.PropertyGroup):
    """The Plate section's settings, kept in the .blend."""


CLASSES = (A2PPlateSettings,)
