"""Find, start and stop the backend."""

from __future__ import annotations

import bpy

from .. import backend, jobs
from .reporting import reported


class A2P_OT_connect(bpy.types.Operator):
    """Look for a running backend and ask it who it is"""

    bl_idname = "a2p.connect"
    bl_label = "Connect"

    def execute(self, context: bpy.types.Context) -> set[str]:
        with reported(self):
            jobs.start("Looking for the backend", backend.connecting())
            return {"FINISHED"}
        return {"CANCELLED"}


class A2P_OT_start_backend(bpy.types.Operator):
    """Start the backend on this machine, unless one runs already"""

    bl_idname = "a2p.start_backend"
    bl_label = "Start"

    def execute(self, context: bpy.types.Context) -> set[str]:
        with reported(self):
            jobs.start("Starting the backend", backend.starting())
            return {"FINISHED"}
        return {"CANCELLED"}


class A2P_OT_stop_backend(bpy.types.Operator):
    """Stop the backend that was started from here"""

    bl_idname = "a2p.stop_backend"
    bl_label = "Stop"

    def execute(self, context: bpy.types.Context) -> set[str]:
        jobs.cancel()
        backend.stop()
        return {"FINISHED"}


CLASSES = (A2P_OT_connect, A2P_OT_start_backend, A2P_OT_stop_backend)
