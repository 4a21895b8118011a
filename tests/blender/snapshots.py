"""The whole file as plain values, so that two moments of it can be compared exactly.

What Blender's own description of its data (RNA) tells is read of every data-block that the add-on may touch:
Actions with their slots, curves, groups, keys and modifiers; NLA tracks, drivers and constraints; transforms,
modes and pose bones; shape keys; cameras, strips, markers and nodes; custom properties. Numbers are compared
to the last bit; other data-blocks by name.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import bpy
import numpy as np

Snapshot = dict[str, Any]

_KINDS = (
    "actions",
    "armatures",
    "cameras",
    "collections",
    "images",
    "node_groups",
    "objects",
    "scenes",
    "shape_keys",
    "sounds",
    "texts",
)
_OF_THE_SESSION = {
    "bindcode",
    "depsgraph",
    "id_type",
    "is_evaluated",
    "is_runtime_data",
    "is_updated",
    "is_updated_data",
    "original",
    "preview",
    "rna_type",
    "session_uid",
    "tag",
    "use_extra_user",
}
"""Properties that are not of the file."""
_UNREAD = {
    "Action": {"fcurves", "groups"} if hasattr(bpy.types.Action, "layers") else set(),  # those of its layers
    "Keyframe": {"co_ui"},
    "Image": {"colorspace_settings", "pixels"},
    "CompositorNodeTree": {"users"},  # undo counts those of a scene and its own nodes otherwise
    "Object": {"bound_box", "cycles", "dimensions", "pose_library"},
    "SequenceEditor": {"sequences_all", "strips_all"},  # in no order
    "Scene": {
        "cycles",
        "display",
        "eevee",
        "objects",
        "tool_settings",
        "users",
        "view_layers",
        "view_settings",
    },
}
"""Long, and nothing that the add-on touches."""
_MANY = 8
"""Members from which on a collection of plain values is read in bulk."""
_ENUMS_IN_BULK = bpy.app.version >= (4, 0)
"""Blender 3.4 reads nonsense for some."""
_PLAIN = {"BOOLEAN", "INT", "FLOAT", "ENUM"}


def snapshot() -> Snapshot:
    """The file as it is: kind and name of each data-block, and all that it holds."""
    _properties_of.cache_clear()  # registered again, the add-on has new properties
    scene = bpy.context.scene
    scene.frame_set(scene.frame_current)  # what keys and drivers say of this frame is what is read
    found: Snapshot = {
        f"{kind} {block.name}": _struct(block, set()) for kind in _KINDS for block in getattr(bpy.data, kind)
    }
    found["mode"] = bpy.context.mode
    active = bpy.context.view_layer.objects.active
    found["active"] = active.name if active is not None else None
    found["selected"] = sorted(member.name for member in bpy.context.view_layer.objects.selected)
    return found


def differences(before: Any, after: Any, path: str = "") -> list[str]:
    """Where two snapshots differ; empty where they are equal to the last bit."""
    if before == after:
        return []
    if isinstance(before, dict) and isinstance(after, dict):
        found = [f"{path}: {key} is gone" for key in before.keys() - after.keys()]
        found += [f"{path}: {key} is new" for key in after.keys() - before.keys()]
        for key in before.keys() & after.keys():
            found += differences(before[key], after[key], f"{path} > {key}" if path else key)
        return sorted(found)
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        pairs = enumerate(zip(before, after, strict=True))
        return [line for index, pair in pairs for line in differences(*pair, f"{path}[{index}]")]
    return [f"{path}: {str(before)[:80]} became {str(after)[:80]}"]


Seen = set[tuple[int, str]]


def _struct(owner: Any, seen: Seen) -> dict[str, Any]:
    """All properties of a struct, and of the structs that it holds."""
    values = {}
    for name, kind, _ in _properties(owner):
        value = getattr(owner, name)
        if kind == "POINTER":
            values[name] = _member(value, seen)
        elif kind == "COLLECTION":
            values[name] = _collection(value, seen)
        else:
            values[name] = _plain(value)
    if isinstance(owner, (bpy.types.ID, bpy.types.PoseBone, bpy.types.Bone)):
        values["custom properties"] = {key: _custom(owner[key]) for key in owner.keys()}  # noqa: SIM118
    return values


def _properties(owner: Any) -> tuple[tuple[str, str, int], ...]:
    """Name, kind and number of values of each property that is read."""
    return _properties_of(type(owner), owner.bl_rna.identifier)


@cache
def _properties_of(kind: type, name: str) -> tuple[tuple[str, str, int], ...]:
    unread = _OF_THE_SESSION | _UNREAD.get(name, set())
    return tuple(
        (prop.identifier, prop.type, getattr(prop, "array_length", 0) or 1)
        for prop in kind.bl_rna.properties
        if prop.identifier not in unread
    )


def _member(member: Any, seen: Seen) -> Any:
    """A struct that is part of another one; one that is met again by its kind and name."""
    if member is None:
        return None
    kind = member.bl_rna.identifier
    key = (member.as_pointer(), kind)
    if key in seen or (isinstance(member, bpy.types.ID) and not member.is_embedded_data):
        return f"{kind} {getattr(member, 'name', '')}"
    seen.add(key)
    return _struct(member, seen)


def _collection(members: Any, seen: Seen) -> Any:
    count = len(members)
    if not count:
        return []
    properties = _properties(members[0])
    if count < _MANY or not _PLAIN.issuperset(kind for _, kind, _ in properties):
        return [_member(member, seen) for member in members]
    read = {}
    for name, kind, width in properties:
        if kind == "ENUM" and not _ENUMS_IN_BULK:
            read[name] = [getattr(member, name) for member in members]
            continue
        values = np.empty(count * width, np.float32 if kind == "FLOAT" else np.int32)
        members.foreach_get(name, values)
        read[name] = values.tobytes()
    return read


def _plain(value: Any) -> Any:
    """Numbers, texts and sets as they are; vectors and matrices as lists."""
    if isinstance(value, (str, bytes, int, float)) or value is None:
        return value
    if isinstance(value, set):
        return sorted(value)
    return [_plain(part) for part in value]


def _custom(value: Any) -> Any:
    if isinstance(value, bpy.types.ID):
        return f"{value.bl_rna.identifier} {value.name}"
    if hasattr(value, "to_dict"):
        return {key: _custom(value[key]) for key in value.keys()}  # noqa: SIM118
    if hasattr(value, "to_list"):
        return value.to_list()
    return [_custom(part) for part in value] if isinstance(value, list) else value
