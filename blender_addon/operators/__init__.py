"""One file a verb that the animator knows."""

from __future__ import annotations

from . import backend, export, generate, keys, plate, queue, retarget, takes

CLASSES = (
    *backend.CLASSES,
    *generate.CLASSES,
    *queue.CLASSES,
    *takes.CLASSES,
    *retarget.CLASSES,
    *keys.CLASSES,
    *plate.CLASSES,
    *export.CLASSES,
)
