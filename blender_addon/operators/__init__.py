"""One file a verb that the animator knows."""

from __future__ import annotations

from . import backend, export, generate, plate, queue, retarget

CLASSES = (
    *backend.CLASSES,
    *generate.CLASSES,
    *queue.CLASSES,
    *plate.CLASSES,
    *export.CLASSES,
    *retarget.CLASSES,
)
