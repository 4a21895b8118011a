"""What the user sets once: where the backend is, and how it is installed."""

from __future__ import annotations

import shutil
from pathlib import Path

import bpy

from a2p_backend.wire.endpoint import default_endpoint_path


class A2PPreferences(bpy.types.AddonPreferences):
    bl_idname = __package__

    program: bpy.props.StringProperty(
        name="Backend Program",
        description="The `a2p` program of the environment that the backend is installed in; "
        "empty: the one that Install Backend made, or else the one on the search path",
        subtype="FILE_PATH",
    )
    endpoint: bpy.props.StringProperty(
        name="Endpoint File",
        description="Where a running backend says how to reach it; empty: the usual place",
        subtype="FILE_PATH",
    )
    environment: bpy.props.StringProperty(
        name="Environment",
        description="The folder in which Install Backend makes the environment; empty: the usual place",
        subtype="DIR_PATH",
    )
    package: bpy.props.StringProperty(
        name="Install From",
        description="What Install Backend installs: an address, or the path of a folder or wheel "
        "on this machine; empty: the backend that came with the add-on",
    )
    python: bpy.props.StringProperty(
        name="Python",
        description="The Python (3.11 to 3.14) that makes the environment; "
        "empty: Blender's own, or else one that is installed",
        subtype="FILE_PATH",
    )

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        program = backend_program()
        if program:
            layout.label(text=f"Start, in the sidebar, runs {program}", icon="CHECKMARK")
        else:
            layout.label(text="The backend, which performs recordings, is not installed yet:", icon="INFO")
            layout.operator("a2p.install_backend", icon="IMPORT")
            layout.label(text=f"It goes to {environment_folder()}", icon="FILE_FOLDER")
        layout.label(
            text="All else is in the 3D Viewport's sidebar: press N there, then click A2P", icon="INFO"
        )
        layout.separator()
        layout.label(text="Only where the usual places do not suit:")
        column = layout.column()
        column.use_property_split = True
        for name in ("program", "endpoint", "environment", "package", "python"):
            column.prop(self, name)


def endpoint_path() -> Path | None:
    """The endpoint file that the user chose; None for the usual place."""
    chosen = _setting("endpoint")
    return Path(bpy.path.abspath(chosen)) if chosen else None


def environment_folder() -> Path:
    """Where Install Backend makes the environment."""
    chosen = _setting("environment")
    return Path(bpy.path.abspath(chosen)) if chosen else default_endpoint_path().with_name("environment")


def backend_program() -> str:
    """The backend's program, or an empty string where there is none."""
    chosen = _setting("program")
    if chosen:
        return bpy.path.abspath(chosen)
    folder = environment_folder()
    made = next((path for path in (folder / "bin/a2p", folder / "Scripts/a2p.exe") if path.is_file()), None)
    return str(made) if made is not None else shutil.which("a2p") or ""


def package() -> str:
    """What Install Backend installs in place of the backend that came with the add-on, or an empty string."""
    return _setting("package")


def python() -> str:
    """The Python that the user chose for the backend, or an empty string."""
    return bpy.path.abspath(_setting("python"))


def _setting(name: str) -> str:
    """Run from a repository, the add-on is registered without being enabled, and has no preferences."""
    addon = bpy.context.preferences.addons.get(__package__)
    return getattr(addon.preferences, name) if addon is not None and addon.preferences else ""


CLASSES = (A2PPreferences,)
