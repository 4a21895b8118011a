"""The recording."""

from __future__ import annotations

import bpy

from .layout import Sidebar


class A2P_PT_clip(Sidebar, bpy.types.Panel):
    bl_label = "Clip"

    def draw(self, context: bpy.types.Context) -> None:
        self.layout.prop(context.scene.a2p.clip, "clip", text="")


CLASSES = (A2P_PT_clip,)
