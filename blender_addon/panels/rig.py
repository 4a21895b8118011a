"""The character that receives the motion."""

from __future__ import annotations

import bpy

CLASSES: tuple[type[bpy.types.Panel], ...] = ()
