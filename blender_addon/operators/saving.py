"""Files that the user names."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import bpy
from bpy_extras.io_utils import ExportHelper


class SavedAs(ExportHelper):
    """An operator that writes a file, for which it suggests a name that says what is in it."""

    def subject(self, context: bpy.types.Context) -> str:
        """What the file is about; empty: the .blend."""
        raise NotImplementedError

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        subject = self.subject(context)
        if subject and not self.filepath:
            folder = Path(bpy.data.filepath).parent
            self.filepath = str(folder / f"{bpy.path.clean_name(subject)}{self.filename_ext}")
        return super().invoke(context, event)


def with_ending(path: Path, ending: str, others: Iterable[str] = ()) -> Path:
    """The path with that ending instead of another known one; what else follows a point is the name's."""
    known = path.suffix.lower() in {ending, *others}
    return path.with_suffix(ending) if known else path.with_name(f"{path.name}{ending}")
