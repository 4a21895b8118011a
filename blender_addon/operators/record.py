"""Record the clip."""

from __future__ import annotations

from pathlib import Path

import bpy

from a2p_backend.wire.settings import MAX_RECORDING_SECONDS
from kinematics.errors import A2PError

from ..scene import strips
from ..services import recording
from .reporting import chosen_path, possible, reported


class A2P_OT_record(bpy.types.Operator):
    """Record the microphone of the backend's machine; the recording becomes the clip"""

    bl_idname = "a2p.record"
    bl_label = "Record"

    filepath: bpy.props.StringProperty(
        name="Recording",
        description="The WAV file to write; empty: a new one in the folder `a2p clips` beside the .blend",
        subtype="FILE_PATH",
        options={"SKIP_SAVE"},
    )
    seconds: bpy.props.FloatProperty(
        name="Seconds",
        description="Stop by itself after so long",
        default=MAX_RECORDING_SECONDS,
        min=0.1,
        max=MAX_RECORDING_SECONDS,
        options={"SKIP_SAVE"},
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return possible(cls, not recording.under_way(), "The microphone is in use: press Stop first")

    def execute(self, context: bpy.types.Context) -> set[str]:
        with reported(self):
            recording.start(self._target(), round(self.seconds, 3))
            return {"FINISHED"}
        return {"CANCELLED"}

    def _target(self) -> Path:
        if not self.filepath:
            if not bpy.data.is_saved:  # Blender's temporary files go when it ends, and speech with them
                raise A2PError("Save the .blend first: the recording is kept beside it.")
            return strips.trims_folder()
        path = chosen_path(self.filepath, "a file for the recording")
        if path.suffix.lower() != ".wav":
            raise A2PError(f"{path.name} is not a name for a recording: let it end in .wav.")
        if path.exists():
            raise A2PError(f"{path} exists already: name another file, as a recording is never written over.")
        return path


class A2P_OT_stop_recording(bpy.types.Operator):
    """Stop the recording and keep it as the clip"""

    bl_idname = "a2p.stop_recording"
    bl_label = "Stop"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return possible(cls, recording.under_way(), "Nothing is being recorded")

    def execute(self, context: bpy.types.Context) -> set[str]:
        recording.finish()
        return {"FINISHED"}


CLASSES = (A2P_OT_record, A2P_OT_stop_recording)
