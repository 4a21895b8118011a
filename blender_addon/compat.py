"""Every difference between Blender versions, and nothing else.

Blender 3.4 to 5.2. A difference is asked for by feature, not by version number, where Blender lets one ask.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bpy

GLTF_SHORTENS_BONES = bpy.app.version >= (4, 0)
"""Whether the glTF importer divides bones' lengths by their armature's scale; no feature tells."""


@contextmanager
def curves_of(action: bpy.types.Action, owner: bpy.types.ID) -> Iterator[Any]:
    """The F-curve collection of a new `action` for `owner`, which plays the action when the block ends.

    The action's slot (Blender 4.4 and newer) is made for the owner and set on it. Nothing evaluates the
    half-written action before the block ends.
    """
    if hasattr(action, "slots"):
        slot = action.slots.new(id_type=owner.id_type, name=owner.name)
        strip = action.layers.new("Performance").strips.new(type="KEYFRAME")
        yield strip.channelbag(slot, ensure=True)
    else:
        slot = None
        yield action
    animation = owner.animation_data or owner.animation_data_create()
    animation.action = action
    if slot is not None:
        animation.action_slot = slot


def has_operator(group: str, name: str) -> bool:
    """Whether this Blender has the operator bpy.ops.`group`.`name`."""
    return name in dir(getattr(bpy.ops, group))


def playing(owner: bpy.types.ID) -> tuple[bpy.types.Action | None, str]:
    """The Action that `owner` plays, and its slot's identifier ("" before Blender 4.4)."""
    animation = owner.animation_data
    if animation is None or animation.action is None:
        return None, ""
    slot = getattr(animation, "action_slot", None)
    return animation.action, slot.identifier if slot is not None else ""


def play(owner: bpy.types.ID, action: bpy.types.Action | None, slot: str) -> None:
    """Have `owner` play what `playing` told."""
    animation = owner.animation_data or owner.animation_data_create()
    animation.action = action
    if action is not None and hasattr(action, "slots"):
        found = next((one for one in action.slots if one.identifier == slot), None)
        if found is not None:
            animation.action_slot = found


def slot_for(action: bpy.types.Action, owner: bpy.types.ID) -> str:
    """The identifier of the slot through which `owner` plays an action of ours; "" before Blender 4.4."""
    if not hasattr(action, "slots"):
        return ""
    fitting = [
        slot.identifier for slot in action.slots if slot.target_id_type in (owner.id_type, "UNSPECIFIED")
    ]
    return fitting[0] if fitting else ""


def play_empty(owner: bpy.types.ID, action: bpy.types.Action) -> None:
    """Have `owner` play a new Action that holds nothing yet, ready to be keyed."""
    with curves_of(action, owner):
        pass


def set_strip_slot(strip: bpy.types.NlaStrip, slot: str) -> None:
    """Have an NLA strip play its Action's slot of that identifier (Blender 4.4 and newer)."""
    if hasattr(strip, "action_slot"):
        strip.action_slot = next((one for one in strip.action.slots if one.identifier == slot), None)


def online_access() -> bool:
    """Whether the user lets add-ons use the network (a setting from Blender 4.2 on)."""
    return getattr(bpy.app, "online_access", True)


def curves_played(action: bpy.types.Action, slot: str) -> Any:
    """The F-curves, a collection, that the slot of that identifier plays; empty where there are none."""
    if not hasattr(action, "slots"):
        return action.fcurves
    found = next((one for one in action.slots if one.identifier == slot), None)
    bags = [strip.channelbag(found) for layer in action.layers for strip in layer.strips] if found else []
    return next((bag.fcurves for bag in bags if bag is not None), ())


def align_handles(keys: Any) -> None:
    """Make both handles of an F-curve's keys aligned; Blender 3.4 does not take the types in bulk."""
    aligned = bpy.types.Keyframe.bl_rna.properties["handle_left_type"].enum_items["ALIGNED"].value
    for side in ("handle_left_type", "handle_right_type"):
        keys.foreach_set(side, [aligned] * len(keys))
        if len(keys) and getattr(keys[0], side) != "ALIGNED":
            for key in keys:
                setattr(key, side, "ALIGNED")


def selected_bones(armature: bpy.types.Object) -> set[str]:
    """Names of the bones that are selected for posing."""
    bones = armature.pose.bones
    return {bone.name for bone in bones if (bone if hasattr(bone, "select") else bone.bone).select}


PLAYS_SOUND = bpy.app.build_options.audaspace
"""Whether there can be sound strips."""


def sound_library() -> Any:
    """Blender's `aud`; None where there is none, as in 4.2 as a Python module and in Debian's 4.3."""
    try:
        import aud
    except ModuleNotFoundError:
        return None
    return aud


def sound_strips(scene: bpy.types.Scene) -> Any:
    """The strips of the scene's sequencer, which is made if there is none."""
    editor = scene.sequence_editor or scene.sequence_editor_create()
    return editor.strips if hasattr(editor, "strips") else editor.sequences


@dataclass(frozen=True)
class StripTiming:
    """Frames of a strip: where its content would begin untrimmed, where it begins, how long it is, and how
    much of the content is skipped before that."""

    content_start: float
    start: int
    duration: int
    skipped: float


def strip_timing(strip: Any) -> StripTiming:
    """How a strip of the sequencer is trimmed; Blender 5.2 has new words for it, and 6 drops the old ones."""
    if hasattr(strip, "left_handle"):
        skipped = strip.left_handle_offset + strip.content_trim_start
        return StripTiming(strip.content_start, strip.left_handle, strip.duration, skipped)
    skipped = strip.frame_offset_start + strip.animation_offset_start
    return StripTiming(strip.frame_start, strip.frame_final_start, strip.frame_final_duration, skipped)


def compositor_tree(scene: bpy.types.Scene) -> bpy.types.NodeTree | None:
    """The scene's compositing nodes, or None where it has none in use."""
    if hasattr(scene, "compositing_node_group"):
        return scene.compositing_node_group
    return scene.node_tree if scene.use_nodes else None


def new_compositor_tree(scene: bpy.types.Scene) -> tuple[bpy.types.NodeTree, bpy.types.NodeSocket]:
    """Give a scene without compositing nodes an empty tree; returns it and the final picture's socket."""
    if hasattr(scene, "compositing_node_group"):
        tree = bpy.data.node_groups.new("A2P Compositing", "CompositorNodeTree")
        tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        output = tree.nodes.new("NodeGroupOutput")
        scene.compositing_node_group = tree
    else:
        scene.use_nodes = True
        tree = scene.node_tree
        tree.nodes.clear()
        output = tree.nodes.new("CompositorNodeComposite")
    output.location = (600.0, 0.0)
    return tree, output.inputs[0]


def group_socket(group: bpy.types.NodeTree, name: str, kind: str, direction: str) -> Any:
    """Add a socket to a node group: `direction` is INPUT or OUTPUT, `kind` such as "NodeSocketColor"."""
    if hasattr(group, "interface"):
        return group.interface.new_socket(name, in_out=direction, socket_type=kind)
    sockets = group.inputs if direction == "INPUT" else group.outputs
    return sockets.new(kind, name)


def alpha_over(tree: bpy.types.NodeTree) -> tuple[bpy.types.Node, Any, Any, Any]:
    """An alpha-over node and its sockets: background, foreground, factor."""
    node = tree.nodes.new("CompositorNodeAlphaOver")
    by_name = {socket.name: socket for socket in node.inputs}
    if "Background" in by_name:
        return node, by_name["Background"], by_name["Foreground"], by_name["Factor"]
    return node, node.inputs[1], node.inputs[2], node.inputs[0]


def draw_progress(layout: bpy.types.UILayout, text: str, fraction: float) -> None:
    """A progress bar; a line with percents before Blender 4.0."""
    if hasattr(layout, "progress"):
        layout.progress(text=text, factor=fraction)
    else:
        layout.label(text=f"{text} {fraction:.0%}" if fraction else text, icon="BLANK1")


_LEVEL_STROKES = 24


def draw_level(layout: bpy.types.UILayout, text: str, level: float) -> None:
    """A level meter, 0 to 1; strokes in a line before Blender 4.0."""
    if hasattr(layout, "progress"):
        layout.progress(text=text, factor=level)
    else:
        layout.label(text=f"{text}  {'|' * round(_LEVEL_STROKES * level)}", icon="REC")


def in_window() -> bool:
    """Whether Blender has a main loop that runs timers: not in background mode, nor as a Python module."""
    return not bpy.app.background


_GLOBAL_UNDO_MODES = ("OBJECT", "POSE")


def in_local_undo_mode() -> bool:
    """Whether a window's active object is in a mode with an undo history of its own: edit, sculpt, paint."""
    layers = [window.view_layer for window in bpy.context.window_manager.windows]
    active = [layer.objects.active for layer in layers]
    return any(member is not None and member.mode not in _GLOBAL_UNDO_MODES for member in active)


def library_path(path: Path) -> str:
    """A file path as Blender stores it: relative to the .blend where it is saved on the same drive."""
    if not bpy.data.is_saved:
        return str(path)
    try:
        return bpy.path.relpath(str(path))
    except ValueError:
        return str(path)
