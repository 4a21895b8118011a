"""What the user sets once: where the backend is."""

from __future__ import annotations

from pathlib import Path

import bpy


class A2PPreferences(bpy.types.AddonPreferences):
    bl_idname = __package__

    program: bpy.props.StringProperty(
        name="Backend Program",
        description="The `a2p` program of the environment that the backend is installed in; "
        "empty: the one on the search path",
        subtype="FILE_PATH",
    )
    endpoint: bpy.props.StringProperty(
        name="Endpoint File",
        description="Where a running backend says how to reach it; empty: the usual place",
        subtype="FILE_PATH",
    )

    def draw(self, context: bpy.types.Context) -> None:
        self.layout.prop(self, "program")
        self.layout.prop(self, "endpoint")


def endpoint_path() -> Path | None:
    """The endpoint file that the user chose; None for the usual place."""
    chosen = _setting("endpoint")
    return Path(bpy.path.abspath(chosen)) if chosen else None


def backend_program() -> str:
    """The backend's program that the user chose, or an empty string."""
    return bpy.path.abspath(_setting("program"))


def _setting(name: str) -> str:
    """Run from a repository, the add-on is registered without being enabled, and has no preferences."""
    addon = bpy.context.preferences.addons.get(__package__)
    return getattr(addon.preferences, name) if addon is not None and addon.preferences else ""


CLASSES = (A2PPreferences,)
