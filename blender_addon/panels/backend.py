"""The backend: its state, and how to get it."""

from __future__ import annotations

import bpy

from .. import backend
from .layout import Sidebar


class A2P_PT_backend(Sidebar, bpy.types.Panel):
    bl_label = "Backend"

    def draw(self, context: bpy.types.Context) -> None:
        known = backend.known()
        if known is None:
            self.layout.label(text="Not connected", icon="UNLINKED")
        else:
            self.layout.label(text=f"Ready on {known.info.device} ({known.info.version})", icon="LINKED")
        row = self.layout.row(align=True)
        row.operator("a2p.connect")
        row.operator("a2p.start_backend")
        row.operator("a2p.stop_backend")


CLASSES = (A2P_PT_backend,)
