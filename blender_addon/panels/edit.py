"""Change a take without losing it."""

from __future__ import annotations

import bpy

CLASSES: tuple[type[bpy.types.Panel], ...] = ()
