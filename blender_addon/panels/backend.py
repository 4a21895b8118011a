"""The backend: its state, and how to get it."""

from __future__ import annotations

import bpy

from .. import backend
from .layout import Sidebar, sentence
from .progress import draw_jobs

_DEVICES = {"cpu": "CPU", "cuda": "GPU"}


class A2P_PT_backend(Sidebar, bpy.types.Panel):
    bl_label = "Backend"

    def draw(self, context: bpy.types.Context) -> None:
        layout, state = self.layout, backend.state()
        text, icon = _described(state)
        layout.label(text=text, icon=icon)
        if backend.mismatch():
            sentence(context, layout, backend.mismatch(), "ERROR")
        if backend.missing():
            layout.operator("a2p.install_backend", icon="IMPORT")
            layout.operator("a2p.connect", text="Connect to One")
        else:
            self._draw_switch(state)
        draw_jobs(context, layout, self.bl_label)

    def _draw_switch(self, state: backend.State) -> None:
        row = self.layout.row(align=True)
        row.enabled = state is not backend.State.STARTING
        if state is backend.State.READY:
            here = backend.started_here()
            row.operator(
                "a2p.stop_backend",
                text="Stop" if here else "Disconnect",
                icon="SNAP_FACE" if here else "UNLINKED",
            )
        else:
            row.operator("a2p.start_backend", text="Restart" if state is backend.State.LOST else "Start")
            row.operator("a2p.connect")


class A2P_PT_backend_setup(Sidebar, bpy.types.Panel):
    bl_label = "Setup"
    bl_parent_id = "A2P_PT_backend"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        if not backend.missing():
            layout.operator("a2p.install_backend", text="Install Backend Anew", icon="IMPORT")
        layout.operator("a2p.open_install_log", icon="TEXT")
        known = backend.known()
        if known is not None:
            column = layout.column(align=True)
            column.scale_y = 0.85
            column.label(text=f"a2p {known.info.version}, process {known.endpoint.pid}")
            column.label(text=known.endpoint.address)


def _described(state: backend.State) -> tuple[str, str]:
    """The state in one line, and its icon."""
    if state is backend.State.STARTING:
        return "Starting", "SORTTIME"
    known = backend.known()
    if known is None:
        return ("Not installed yet" if backend.missing() else "Stopped"), "UNLINKED"
    if state is backend.State.LOST:
        return "Lost: it does not run any more", "ERROR"
    kind, _, detail = known.info.device.partition(" ")
    device = _DEVICES.get(kind.partition(":")[0], kind)
    return f"Ready on {' '.join(filter(None, (device, detail)))}", "LINKED"


CLASSES = (A2P_PT_backend, A2P_PT_backend_setup)
