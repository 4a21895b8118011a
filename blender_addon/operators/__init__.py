"""One file a verb that the animator knows."""

from __future__ import annotations

from . import (
    backend,
    edit,
    export,
    export_starred,
    face,
    generate,
    head,
    import_rig,
    keys,
    maps,
    plate,
    plate_display,
    queue,
    record,
    retarget,
    takes,
)

CLASSES = (
    *backend.CLASSES,
    *record.CLASSES,
    *generate.CLASSES,
    *queue.CLASSES,
    *takes.CLASSES,
    *import_rig.CLASSES,
    *retarget.CLASSES,
    *maps.CLASSES,
    *keys.CLASSES,
    *face.CLASSES,
    *head.CLASSES,
    *edit.CLASSES,
    *plate.CLASSES,
    *plate_display.CLASSES,
    *export.CLASSES,
    *export_starred.CLASSES,
)
