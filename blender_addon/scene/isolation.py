"""Work with Blender's operators away from the user's scene.

Edit bones exist in edit mode only, and the exporters write what a scene holds. Both happen in a scene of
their own that holds our objects and nothing else. The user's selection, active object, modes and frame stay
as they are, and need no restoring.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import bpy


@contextmanager
def scene_with(objects: list[bpy.types.Object], active: bpy.types.Object) -> Iterator[bpy.types.Scene]:
    """A temporary scene as the operators' context, with `objects` linked and selected and `active` active."""
    scene = bpy.data.scenes.new("A2P workshop")
    try:
        for member in objects:
            scene.collection.objects.link(member)
        layer = scene.view_layers[0]
        for member in objects:
            member.select_set(True, view_layer=layer)
        layer.objects.active = active
        with bpy.context.temp_override(
            scene=scene,
            view_layer=layer,
            active_object=active,
            object=active,
            selected_objects=objects,
            selected_editable_objects=objects,
        ):
            yield scene
    finally:
        bpy.data.scenes.remove(scene)
