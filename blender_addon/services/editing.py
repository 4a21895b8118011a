"""Takes made anew in part: around edited guide poses, or within a range of frames."""

from __future__ import annotations

from dataclasses import dataclass, replace

import bpy

from a2p_backend.wire.client import Client
from a2p_backend.wire.edit import Edit, FrameRange
from a2p_backend.wire.performance import Performance
from a2p_backend.wire.settings import MAX_SEED, GenerateSettings
from kinematics.armature import bone_rest
from kinematics.arrays import FloatArray
from kinematics.body import Body
from kinematics.errors import A2PError

from .. import backend, jobs, preferences
from ..conversation import Line, talking
from ..scene import guide, layer_marks, layers, takes
from ..scene.performance import Placement, ReadyTake, place_take, ready_take
from .clips import WholeClip
from .generation import Order


@dataclass(frozen=True)
class Change:
    """What is to be made anew within frames `first` to `end` (excluded) of a take.

    strength: how far it may stray, 0 to 1. kept: parts that stay throughout. seed: of what is new.
    """

    first: int
    end: int
    strength: float
    kept: tuple[str, ...]
    seed: int


def take_order(take: bpy.types.Action, edit: Edit, remark: str, seed: int | None = None) -> Order:
    """An order for a take like this one, under an edit that its name remarks on. Raises A2PError."""
    performance = takes.attached_performance(take)
    settings = GenerateSettings.from_dict(performance.settings)
    if seed is not None:
        settings = replace(settings, seed=min(seed, MAX_SEED))
    placement = Placement(round(take.frame_range[0]), reuse_rig=True, remark=remark)
    return Order(WholeClip(takes.attached_clip(take)), settings, placement, edit)


def range_order(take: bpy.types.Action, change: Change, locks: list[FrameRange]) -> Order:
    """An order that makes a range of the take anew, apart from what is locked. Raises A2PError."""
    start = takes.attached_performance(take)
    first, end = max(change.first, 0), min(change.end, start.frame_count)
    if first >= end:
        raise A2PError(
            f"The range has no frames of {take.name}: choose frames from {take.frame_range[0]:.0f} "
            f"to {take.frame_range[1]:.0f}."
        )
    outside = [(0, first)] * (first > 0) + [(end, start.frame_count)] * (end < start.frame_count)
    locked = tuple(outside + locks)
    edit = Edit(start, change.strength, locked, locked, change.kept)
    origin = round(take.frame_range[0])
    verb = "frames" if change.strength == 1.0 else "varied"
    return take_order(take, edit, f"{verb} {origin + first}-{origin + end - 1}", change.seed)


def showing_guide(rig_name: str) -> jobs.Steps:
    """Show the guide poses of the take that a rig plays as keys: a job, as the backend knows the body."""
    take = takes.take_of(_rig(rig_name))
    actor = takes.attached_performance(take).actor

    def talk(line: Line, client: Client) -> Body:
        return line.follow(client.ask_body(actor))

    yield from backend.reaching()
    body = yield from talking(preferences.endpoint_path(), talk)
    yield from jobs.until_undoable()
    rig = _rig(rig_name)  # undo may have replaced it meanwhile
    take = takes.take_of(rig)
    guide.show(bpy.context.scene, rig, body, take)
    return jobs.Done("A2P Show Guide", "")


def regenerating_guide(rig_name: str) -> jobs.Steps:
    """Perform the clip anew around the keys of the guide layer: a job."""
    rig = _rig(rig_name)
    take = takes.take_of(rig)
    layer = layers.find(take, layer_marks.GUIDE)
    if layer is None:
        raise A2PError(f"{take.name} has no guide layer: press Show Guide, and change some of its keys.")
    performance = takes.attached_performance(take)
    order = take_order(take, Edit(), "posed")
    first, count = take.frame_range[0], len(guide.guide_poses(performance))
    names = tuple(bone.name for bone in rig.data.bones)
    keys = guide.read_keys(layer, rig, first, names, count)
    del rig, take, layer  # no Blender data outlives a step
    made = yield from _asking(order, performance, names, keys)
    yield from jobs.until_undoable()
    placement = replace(order.placement, face_names=backend.face_names(order.settings.actor))
    scene = bpy.context.scene
    place_take(scene, made, placement)
    kept = scene.objects.get(rig_name)
    if kept is not None and takes.take_of(kept) is not None:
        layers.leave(kept)
    guide.clear_markers(scene)
    return "A2P Regenerate"


def _asking(
    order: Order, performance: Performance, names: tuple[str, ...], keys: tuple[FloatArray, FloatArray]
) -> backend.Waiting[ReadyTake]:
    def talk(line: Line, client: Client) -> ReadyTake:
        contents = order.clip.read()
        body = line.follow(client.ask_body(order.settings.actor))
        columns = [names.index(name) for name in bone_rest(body).names]
        rotation, location = (values[:, columns] for values in keys)
        poses, changed = guide.edited_poses(body, performance, rotation, location)
        if not changed:
            raise A2PError("No key of the guide layer was changed: pose a bone at a marker and key it first.")
        edit = Edit(guide=poses)
        request = client.generate(contents, order.clip.path.name, order.settings, edit)
        return ready_take(body, line.follow(request), order.clip.path)

    yield from backend.reaching()
    return (yield from talking(preferences.endpoint_path(), talk))


def _rig(name: str) -> bpy.types.Object:
    rig = bpy.context.scene.objects.get(name)
    if rig is None or takes.take_of(rig) is None:
        raise A2PError(f"The rig {name} plays no take any more: choose its take again.")
    return rig
