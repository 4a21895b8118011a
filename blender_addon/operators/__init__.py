"""One file a verb that the animator knows."""

from __future__ import annotations

from . import backend, edit, export, generate, keys, plate, queue, retarget, takes

CLASSES = (
    *backend.CLASSES,
    *generate.CLASSES,
    *queue.CLASSES,
    *takes.CLASSES,
    *retarget.CLASSES,
    *keys.CLASSES,
    *edit.CLASSES,
    *plate.CLASSES,
    *export.CLASSES,
)
