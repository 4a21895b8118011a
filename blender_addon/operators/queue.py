"""Stop what is under way, or take back what waits."""

from __future__ import annotations

import bpy

from .. import jobs
from .reporting import possible


class A2P_OT_cancel(bpy.types.Operator):
    """Stop what is under way, or a job that waits for its turn; the scene stays as it is"""

    bl_idname = "a2p.cancel"
    bl_label = "Cancel"

    job: bpy.props.IntProperty(
        name="Job", description="The number of the job to cancel; 0: the one under way", options={"SKIP_SAVE"}
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return possible(cls, jobs.running() is not None, "Nothing is under way")

    def execute(self, context: bpy.types.Context) -> set[str]:
        jobs.cancel(self.job or None)
        return {"FINISHED"}


CLASSES = (A2P_OT_cancel,)
