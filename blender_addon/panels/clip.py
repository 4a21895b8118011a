"""The recording."""

from __future__ import annotations

from pathlib import Path

import bpy

from kinematics.errors import A2PError

from .. import compat, waveform
from ..scene import strips
from ..services import recording
from .layout import Sidebar, form, hint, room
from .progress import draw_jobs

_TILE_UNITS = 20
"""Pixels of an icon's side at scale 1, before the interface's own scale."""


class A2P_PT_clip(Sidebar, bpy.types.Panel):
    bl_label = "Clip"

    def draw(self, context: bpy.types.Context) -> None:
        settings, layout = context.scene.a2p.clip, self.layout
        layout.row().prop(settings, "source", expand=True)
        clip = None
        if settings.source == "file":
            layout.prop(settings, "clip", text="")
            _draw_recorder(layout)
            draw_jobs(context, layout, self.bl_label)
            clip = Path(bpy.path.abspath(settings.clip)) if settings.clip else None
        else:
            clip = self._draw_strip(context)
        if clip is not None:
            _draw_waveform(context, layout, waveform.icons(clip, settings.speaker))
        column = form(layout)
        column.row().prop(settings, "speaker", expand=True)
        column.prop(settings, "with_partner")
        if settings.with_partner:
            column.prop(settings, "partner_actor")

    def _draw_strip(self, context: bpy.types.Context) -> Path | None:
        try:
            trim = strips.active_trim(context.scene)
        except A2PError:
            hint(self.layout, "Click a sound strip in the sequencer")
            return None
        self.layout.label(text=trim.name, icon="SEQ_SEQUENCER")
        return trim.sound


def _draw_recorder(layout: bpy.types.UILayout) -> None:
    """A button that records; while it does, the level, the seconds, and a button that stops."""
    if not recording.under_way():
        layout.operator("a2p.record", icon="REC")
        return
    heard = recording.heard()
    if heard is None:
        hint(layout, "Opening the microphone")
    else:
        seconds, level = heard
        compat.draw_level(layout, f"{seconds // 60:.0f}:{seconds % 60:04.1f}", level)
    layout.operator("a2p.stop_recording", icon="SNAP_FACE")


def _draw_waveform(context: bpy.types.Context, layout: bpy.types.UILayout, icons: tuple[int, ...]) -> None:
    if not icons:
        return
    side = room(context) / len(icons) / _TILE_UNITS
    row = layout.row(align=True)
    row.alignment = "CENTER"
    for icon in icons:
        row.template_icon(icon, scale=max(side, 1.0))


CLASSES = (A2P_PT_clip,)
