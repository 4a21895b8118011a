"""Change a take without losing it: every result is a new take or a layer."""

from __future__ import annotations

import bpy

from a2p_backend.wire.settings import MAX_SEED
from kinematics.errors import A2PError

from .. import jobs
from ..properties.edit import RangeProperties
from ..properties.performance import draw_seed
from ..scene import guide, layers, takes
from ..services import editing
from ..services.generation import generating
from .reporting import NO_TAKE, possible, reported


class _OnRig:
    """An operator on the rig whose take is being worked on."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return possible(cls, takes.find_rig(context) is not None, NO_TAKE)


class A2P_OT_show_guide(_OnRig, bpy.types.Operator):
    """Show the poses that steer the take as keys to edit, one a second, with markers on the timeline"""

    bl_idname = "a2p.show_guide"
    bl_label = "Show Guide"

    def execute(self, context: bpy.types.Context) -> set[str]:
        with reported(self):
            rig = takes.require_rig(context)
            jobs.start("Showing the guide", editing.showing_guide(rig.name), "Edit")
            return {"FINISHED"}
        return {"CANCELLED"}


class A2P_OT_hide_guide(_OnRig, bpy.types.Operator):
    """Play the take again; the guide layer and its keys are kept"""

    bl_idname = "a2p.hide_guide"
    bl_label = "Hide Guide"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        with reported(self):
            layers.leave(takes.require_rig(context))
            guide.clear_markers(context.scene)
            return {"FINISHED"}
        return {"CANCELLED"}


class A2P_OT_regenerate_guide(_OnRig, bpy.types.Operator):
    """Perform the clip again so that the body passes through the poses that were changed, as a new take"""

    bl_idname = "a2p.regenerate_guide"
    bl_label = "Regenerate Around My Keys"

    def execute(self, context: bpy.types.Context) -> set[str]:
        with reported(self):
            rig = takes.require_rig(context)
            jobs.start("Regenerating around the keys", editing.regenerating_guide(rig.name), "Edit")
            return {"FINISHED"}
        return {"CANCELLED"}


class A2P_OT_regenerate_range(RangeProperties, _OnRig, bpy.types.Operator):
    """Make the range anew with another seed, as a new take; all other frames and locked ranges stay"""

    bl_idname = "a2p.regenerate_range"
    bl_label = "Regenerate Range"

    vary: bpy.props.BoolProperty(
        name="Vary", description="Stay near the take, as far as Strength says", options={"SKIP_SAVE"}
    )
    seed: bpy.props.IntProperty(
        name="Seed", description="Of what is new; -1: another one each time", default=-1, min=-1, max=MAX_SEED
    )

    def execute(self, context: bpy.types.Context) -> set[str]:
        with reported(self):
            take = takes.take_of(takes.require_rig(context))
            origin = round(take.frame_range[0])
            change = editing.Change(
                first=self.first - origin,
                end=self.last + 1 - origin,
                strength=round(self.strength, 6) if self.vary else 1.0,
                kept=tuple(self.kept),
                seed=draw_seed() if self.seed < 0 else self.seed,
            )
            locks = [(lock.first, lock.end) for lock in take.a2p.locks]
            order = editing.range_order(take, change, locks)
            verb = "Varying" if self.vary else "Regenerating"
            jobs.start(f"{verb} frames {self.first} to {self.last}", generating(order), "Edit")
            return {"FINISHED"}
        return {"CANCELLED"}


class A2P_OT_lock_range(_OnRig, bpy.types.Operator):
    """Keep these frames of the take in whatever is made from it"""

    bl_idname = "a2p.lock_range"
    bl_label = "Lock"
    bl_options = {"REGISTER", "UNDO"}

    first: bpy.props.IntProperty(name="First", description="First frame to lock", default=1)
    last: bpy.props.IntProperty(name="Last", description="Last frame to lock", default=60)

    def execute(self, context: bpy.types.Context) -> set[str]:
        with reported(self):
            take = takes.take_of(takes.require_rig(context))
            origin, count = round(take.frame_range[0]), takes.frame_count(take)
            first, end = max(self.first - origin, 0), min(self.last + 1 - origin, count)
            if first >= end:
                raise A2PError(f"The range has no frames of {take.name}: choose others to lock.")
            lock = take.a2p.locks.add()
            lock.first, lock.end = first, end
            return {"FINISHED"}
        return {"CANCELLED"}


class A2P_OT_unlock(_OnRig, bpy.types.Operator):
    """Take back one lock of the take"""

    bl_idname = "a2p.unlock"
    bl_label = "Unlock"
    bl_options = {"REGISTER", "UNDO"}

    index: bpy.props.IntProperty(name="Lock", description="Which of the take's locks, from 0 on", min=0)

    def execute(self, context: bpy.types.Context) -> set[str]:
        with reported(self):
            locks = takes.take_of(takes.require_rig(context)).a2p.locks
            if self.index >= len(locks):
                raise A2PError(f"The take has {len(locks)} locks: number {self.index} is not among them.")
            locks.remove(self.index)
            return {"FINISHED"}
        return {"CANCELLED"}


class A2P_OT_range_from_timeline(bpy.types.Operator):
    """Take the range from the timeline: the preview range if there is one, else from the current frame on"""

    bl_idname = "a2p.range_from_timeline"
    bl_label = "From Timeline"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        scene, settings = context.scene, context.scene.a2p.edit
        if scene.use_preview_range:
            settings.first, settings.last = scene.frame_preview_start, scene.frame_preview_end
        else:
            settings.first, settings.last = scene.frame_current, max(scene.frame_end, scene.frame_current)
        return {"FINISHED"}


class A2P_OT_add_tweak(_OnRig, bpy.types.Operator):
    """Lay an empty Action over the take: what you key there is added to it, and the take stays as it is"""

    bl_idname = "a2p.add_tweak"
    bl_label = "Add Tweak Layer"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        with reported(self):
            layers.add_tweak(takes.require_rig(context))
            return {"FINISHED"}
        return {"CANCELLED"}


class A2P_OT_push_down(_OnRig, bpy.types.Operator):
    """Make the tweak layer a strip in the NLA above the take, and begin another"""

    bl_idname = "a2p.push_down"
    bl_label = "Push Down"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        with reported(self):
            layers.push_down(takes.require_rig(context))
            return {"FINISHED"}
        return {"CANCELLED"}


class A2P_OT_bake_down(_OnRig, bpy.types.Operator):
    """Join the take and the layers above it in one new Action, with a key on every frame"""

    bl_idname = "a2p.bake_down"
    bl_label = "Bake Down"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        with reported(self):
            action = layers.bake_down(context.scene, takes.require_rig(context))
            self.report({"INFO"}, f"Baked to {action.name}")
            return {"FINISHED"}
        return {"CANCELLED"}


class A2P_OT_remove_layers(_OnRig, bpy.types.Operator):
    """Play the take alone again; the layers' Actions stay in the file"""

    bl_idname = "a2p.remove_layers"
    bl_label = "Remove Layers"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        with reported(self):
            layers.leave(takes.require_rig(context))
            return {"FINISHED"}
        return {"CANCELLED"}


CLASSES = (
    A2P_OT_show_guide,
    A2P_OT_hide_guide,
    A2P_OT_regenerate_guide,
    A2P_OT_regenerate_range,
    A2P_OT_lock_range,
    A2P_OT_unlock,
    A2P_OT_range_from_timeline,
    A2P_OT_add_tweak,
    A2P_OT_push_down,
    A2P_OT_bake_down,
    A2P_OT_remove_layers,
)
