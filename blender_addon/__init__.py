"""The Blender add-on: a recording in, an animator's keyframes out.

Importing the package loads nothing yet: the programs in it, such as `blender_addon.character`, need a part of
it only.
"""

from __future__ import annotations

from .vendoring import ensure_importable

ensure_importable()


def register() -> None:
    """Add everything to Blender."""
    from . import registration

    registration.register()


def unregister() -> None:
    """Take everything away again, whatever is under way."""
    from . import registration

    registration.unregister()
