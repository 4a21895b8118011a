"""View3D > Sidebar > A2P: one module a section, in the order of the work."""

from __future__ import annotations

from . import backend, bone_map, clip, edit, export, performance, plate, rig, takes

CLASSES = (
    *backend.CLASSES,
    *clip.CLASSES,
    *performance.CLASSES,
    *takes.CLASSES,
    *rig.CLASSES,
    *bone_map.CLASSES,
    *edit.CLASSES,
    *plate.CLASSES,
    *export.CLASSES,
)
