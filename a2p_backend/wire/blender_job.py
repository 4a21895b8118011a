"""What the command line asks of a Blender without a window (`blender_addon.headless`), and what that answers.

Both are JSON on the way; files are named by their whole paths.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from kinematics.curves.error_bound import ErrorBound
from kinematics.exchange import ExportOptions
from kinematics.retarget.options import RetargetOptions


@dataclass(frozen=True)
class BlenderJob:
    """A motion onto a character, and out into files.

    source: a take (.npz), or a capture of any format that Blender imports. body: with a take, the file of its
    actor's body (`Body.to_arrays`). rig: the character's file; armature, source_armature: which of a file
    that has several, and of a source. map_file: the user's own map. save: a .blend to write. exports: files
    to write. simplify: keep no more keys than this needs; it counts for exports, too. report: measure the
    copy. pictures: a folder for pictures of moments of the source and the rig. face: the file of a
    `FaceMotion`'s arrays, for the rig's shape keys, or its jaw and eyes.
    """

    source: str
    rig: str
    body: str | None = None
    armature: str = ""
    source_armature: str = ""
    options: RetargetOptions = field(default_factory=RetargetOptions)
    map_file: str | None = None
    save: str | None = None
    exports: tuple[str, ...] = ()
    export_options: ExportOptions = field(default_factory=ExportOptions)
    simplify: ErrorBound | None = None
    report: bool = False
    pictures: str | None = None
    face: str | None = None

    def to_json(self) -> str:
        """The job as text; `from_json` is the inverse."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> BlenderJob:
        """TypeError or ValueError where the text is no job; A2PError where it asks for what cannot be."""
        values: dict[str, Any] = json.loads(text)
        parts = {"options": RetargetOptions, "export_options": ExportOptions, "simplify": ErrorBound}
        for name, part in parts.items():
            if values.get(name) is not None:
                values[name] = part(**values[name])
        return cls(**{**values, "exports": tuple(values.get("exports", ()))})


@dataclass(frozen=True)
class Moment:
    """seconds: from the start. source, rig: files of pictures, one a view."""

    seconds: float
    source: tuple[str, ...]
    rig: tuple[str, ...]


@dataclass(frozen=True)
class BlenderAnswer:
    """What there is to say about a job that is done.

    rig: the armature's name. map: what its names were known by; confidence: how surely, 0 to 1; bones: how
    many were found; missing: slots that were not. notes: sentences for the user. frames, fps: of the motion.
    face: what received the face, in a sentence, or "". simplified: a sentence for each file, or for the
    .blend. fidelity: the figures of `kinematics.retarget.fidelity`, where they were asked for.
    """

    rig: str
    map: str
    confidence: float
    bones: int
    missing: tuple[str, ...]
    notes: tuple[str, ...]
    frames: int
    fps: float
    face: str = ""
    simplified: tuple[str, ...] = ()
    fidelity: Mapping[str, float] | None = None
    pictures: tuple[Moment, ...] = ()

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> BlenderAnswer:
        """The inverse of `dataclasses.asdict`, by way of JSON."""
        pictures = tuple(
            Moment(moment["seconds"], tuple(moment["source"]), tuple(moment["rig"]))
            for moment in fields["pictures"]
        )
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()
        }
        return cls(**(values | {"pictures": pictures}))
