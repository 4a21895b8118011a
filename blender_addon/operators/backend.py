"""Install, find, start and stop the backend."""

from __future__ import annotations

import bpy

from kinematics.errors import A2PError

from .. import backend, compat, jobs, preferences
from ..services.bundle import find_bundle
from ..services.installation import Order, installing, log_of
from .reporting import possible, reported

_DIALOG_WIDTH = 460


class A2P_OT_connect(bpy.types.Operator):
    """Look for a backend that runs already on this machine"""

    bl_idname = "a2p.connect"
    bl_label = "Connect"

    def execute(self, context: bpy.types.Context) -> set[str]:
        with reported(self):
            jobs.start("Looking for the backend", backend.connecting(), "Backend")
            return {"FINISHED"}
        return {"CANCELLED"}


class A2P_OT_start_backend(bpy.types.Operator):
    """Start the backend on this machine, unless one runs already"""

    bl_idname = "a2p.start_backend"
    bl_label = "Start"

    def execute(self, context: bpy.types.Context) -> set[str]:
        with reported(self):
            jobs.start("Starting the backend", backend.starting(), "Backend")
            return {"FINISHED"}
        return {"CANCELLED"}


class A2P_OT_stop_backend(bpy.types.Operator):
    """Stop the backend that was started from here; what it works on, and what waits for it, is cancelled"""

    bl_idname = "a2p.stop_backend"
    bl_label = "Stop"

    def execute(self, context: bpy.types.Context) -> set[str]:
        started_here = backend.started_here()
        jobs.cancel_all()
        backend.stop()  # at once, whatever a cancelled job still waits for
        if started_here:
            jobs.start("Stopping the backend", backend.stopping(), "Backend")
        return {"FINISHED"}


class A2P_OT_install_backend(bpy.types.Operator):
    """Make an environment for the backend and install it there: a download of a few gigabytes"""

    bl_idname = "a2p.install_backend"
    bl_label = "Install Backend"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if not compat.online_access():
            return self.execute(context)  # which says so
        return context.window_manager.invoke_props_dialog(self, width=_DIALOG_WIDTH)

    def draw(self, context: bpy.types.Context) -> None:
        column = self.layout.column(align=True)
        column.label(text="Downloads up to 3 GB, most of it PyTorch, which takes up to 5 GB here:")
        column.label(text=str(preferences.environment_folder()), icon="FILE_FOLDER")
        column.label(text="What is there stays until the new one works. Blender can be used meanwhile.")

    def execute(self, context: bpy.types.Context) -> set[str]:
        with reported(self):
            if not compat.online_access():
                raise A2PError(
                    "Blender is set to stay offline: allow online access in Preferences > System > Network, "
                    "or install the backend by hand and name its `a2p` in the add-on's preferences."
                )
            order = Order(
                preferences.environment_folder(), find_bundle(), preferences.package(), preferences.python()
            )
            jobs.start("Installing", installing(order), "Backend")
            self.report({"INFO"}, f"What is installed is written to {order.log}")
            return {"FINISHED"}
        return {"CANCELLED"}


class A2P_OT_open_install_log(bpy.types.Operator):
    """Open the log of Install Backend in the text editor"""

    bl_idname = "a2p.open_install_log"
    bl_label = "Open Log"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        log = log_of(preferences.environment_folder())
        return possible(cls, log.is_file(), "Install Backend has not run here yet: there is no log")

    def execute(self, context: bpy.types.Context) -> set[str]:
        log = log_of(preferences.environment_folder())
        text = bpy.data.texts.load(str(log))
        self.report({"INFO"}, f"The log is the text {text.name}: choose it in a text editor")
        return {"FINISHED"}


CLASSES = (
    A2P_OT_connect,
    A2P_OT_start_backend,
    A2P_OT_stop_backend,
    A2P_OT_install_backend,
    A2P_OT_open_install_log,
)
