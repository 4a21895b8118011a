"""Recordings of any length: one of more than ten minutes is performed piece by piece.

A piece begins with seconds that the piece before has performed, which stay as they are (`performer.Opening`),
and the motion after them is made to fit, as after a lock; the guide goes on from its poses there. Each piece
goes some seconds farther than it is needed, so that where the next takes over it has heard what comes.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from a2p_backend.actors.actor import Actor
from a2p_backend.audio.clip import Clip
from a2p_backend.free_memory import free_memory
from a2p_backend.motion.windows import Window, lay_windows
from a2p_backend.performer import Opening, perform
from a2p_backend.wire.edit import UNEDITED, Edit
from a2p_backend.wire.performance import FACE_SIZE, FPS, POSE_SIZE, Performance
from a2p_backend.wire.progress import IsCancelled, OnProgress, Progress
from a2p_backend.wire.settings import GenerateSettings
from kinematics.errors import A2PError

LONGEST_PIECE = 10 * 60 * FPS
OPENING = 4 * FPS
"""Frames that a piece begins with: as many as windows share."""
BEYOND = 4 * FPS
"""Frames that a piece performs past the place where the next one takes over."""

BYTES_A_FRAME = 2 * 4 * (POSE_SIZE + FACE_SIZE)
"""Of the take, and of what it takes to check and write it."""


def perform_recording(
    clip: Clip,
    actor: Actor,
    settings: GenerateSettings,
    edit: Edit = UNEDITED,
    on_progress: OnProgress = lambda progress: None,
    cancelled: IsCancelled = lambda: False,
    longest: int = LONGEST_PIECE,
) -> Performance:
    """As `perform`, for a clip of any length, in memory that grows by no more than the motion itself.

    longest: frames of a piece, whole seconds; a clip of no more is performed as by `perform`.

    Raises as `perform` does, and A2PError where the motion would not fit into the memory that is free.
    """
    edit.check_fits(clip.frame_count, actor.name)
    pieces = pieces_of(clip.frame_count, longest)
    if len(pieces) == 1:
        return perform(clip, actor, settings, edit, on_progress, cancelled)
    _check_memory(clip)
    pose = np.empty((clip.frame_count, POSE_SIZE), np.float32)
    face = np.empty((clip.frame_count, FACE_SIZE), np.float32)
    guide = np.empty((-(-clip.frame_count // FPS), POSE_SIZE), np.float32)
    opening = None
    for number, piece in enumerate(pieces):
        made = perform(
            clip.part(piece.start, piece.stop),
            actor,
            settings,
            edit.part(piece.start, piece.stop),
            _as_piece(number, len(pieces), on_progress),
            cancelled,
            opening=opening,
        )
        pose[piece.start : piece.stop] = made.pose
        face[piece.start : piece.stop] = made.face
        first_pose = piece.start // FPS
        guide[first_pose : first_pose + len(made.guide)] = made.guide
        if number + 1 < len(pieces):
            first = pieces[number + 1].start - piece.start
            shared = made.part(first, first + OPENING)
            opening = Opening(shared.pose, shared.face, shared.guide, number + 1)
    return dataclasses.replace(
        made, pose=pose, face=face, guide=guide if len(made.guide) else made.guide, edit=edit.to_dict()
    )


def pieces_of(frames: int, longest: int = LONGEST_PIECE) -> tuple[Window, ...]:
    """The pieces in which a clip of so many frames is performed."""
    return lay_windows(frames, longest, OPENING + BEYOND)


def perform_conversation(
    clips: tuple[Clip, Clip],
    actors: tuple[Actor, Actor],
    settings: GenerateSettings,
    on_progress: OnProgress = lambda progress: None,
    cancelled: IsCancelled = lambda: False,
    longest: int = LONGEST_PIECE,
) -> tuple[Performance, Performance]:
    """Performs both people of a recording, each of whom hears the other.

    clips: the recording as each of them lives it, `load_clip(...)` and `load_clip(..., speaker="right")`.
    on_progress: the second one's stages come with "partner's " before them. Otherwise as
    `perform_recording`.
    """
    left, right = (
        dataclasses.replace(settings, actor=actor.name, speaker=speaker)
        for actor, speaker in zip(actors, ("left", "right"), strict=True)
    )

    def on_partner(progress: Progress) -> None:
        on_progress(dataclasses.replace(progress, stage=f"partner's {progress.stage}"))

    return (
        perform_recording(clips[0], actors[0], left, UNEDITED, on_progress, cancelled, longest),
        perform_recording(clips[1], actors[1], right, UNEDITED, on_partner, cancelled, longest),
    )


def _as_piece(number: int, count: int, on_progress: OnProgress) -> OnProgress:
    """Tells of a piece's stages as of shares of the whole clip's."""

    def on_piece(progress: Progress) -> None:
        done, total = number * progress.total + progress.done, count * progress.total
        on_progress(dataclasses.replace(progress, done=done, total=total))

    return on_piece


def _check_memory(clip: Clip) -> None:
    """Raises A2PError where the clip's motion would not fit into memory."""
    needed, free = clip.frame_count * BYTES_A_FRAME, free_memory()
    if free is not None and needed > free:
        raise A2PError(
            f"{clip.name} lasts {clip.duration / 60:.0f} minutes, whose motion takes {needed >> 20} MiB of "
            f"memory: {free >> 20} MiB are free here. Close other programs, or cut it into parts."
        )
