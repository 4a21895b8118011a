"""New data that stays only if all of it could be made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import bpy

from .. import compat


@contextmanager
def all_or_nothing(scene: bpy.types.Scene) -> Iterator[None]:
    """Remove the data-blocks and strips that the block made if it does not end well."""
    kinds = (
        "objects",
        "armatures",
        "meshes",
        "cameras",
        "actions",
        "sounds",
        "images",
        "node_groups",
    )
    before = {kind: set(getattr(bpy.data, kind)) for kind in kinds}
    had_editor = scene.sequence_editor is not None
    strips_before = set(compat.sound_strips(scene)) if had_editor else set()
    try:
        yield
    except BaseException:
        if scene.sequence_editor is not None:
            strips = compat.sound_strips(scene)
            for strip in set(strips) - strips_before:
                strips.remove(strip)
            if not had_editor:
                scene.sequence_editor_clear()
        for kind in kinds:
            collection = getattr(bpy.data, kind)
            for block in set(collection) - before[kind]:
                collection.remove(block)
        raise
