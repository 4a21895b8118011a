"""Writes conversations in the on-disk form of the released dataset (see a2p_backend.training.dataset)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

from kinematics.body import load_default_body
from kinematics.errors import A2PError

from .conversation import Speaker, converse
from .scene import act
from .speech import SAMPLE_RATE, speak

_SILENT_PARTNER_EVERY = 6
SMALLEST_SECONDS = 4.0

Progress = Callable[[int, int, str], None]
"""Called with scenes done, scenes in all, and what was just finished."""


def synthesise_dataset(
    folder: Path,
    *,
    scenes: int,
    minutes: float,
    seed: int,
    on_progress: Progress | None = None,
    speaker: Speaker = speak,
) -> None:
    """Writes `scenes` scenes of together `minutes` minutes; the same seed writes the same files.

    Every sixth scene is a monologue to a silent partner, as mono recordings are performed.

    Raises:
        A2PError: the folder already holds scenes, the scenes would be too short, or espeak-ng is missing.
    """
    seconds = 60.0 * minutes / scenes
    if seconds < SMALLEST_SECONDS:
        raise A2PError(
            f"{minutes} minutes in {scenes} scenes leave {seconds:.1f} s for each; at least 4 s are needed"
        )
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.glob("scene*")):
        raise A2PError(f"{folder} already holds scenes; name an empty folder")
    body = load_default_body()
    for number, sequence in enumerate(np.random.SeedSequence(seed).spawn(scenes)):
        rng = np.random.default_rng(sequence)
        monologue = number % _SILENT_PARTNER_EVERY == _SILENT_PARTNER_EVERY - 1
        conversation = converse(rng, seconds, silent_partner=monologue, speaker=speaker)
        scene = act(rng, conversation, body)
        stem = str(folder / f"scene{number:02d}")
        soundfile.write(f"{stem}_audio.wav", conversation.audio, SAMPLE_RATE, subtype="PCM_16")
        np.save(f"{stem}_body_pose.npy", scene.pose)
        np.save(f"{stem}_face_expression.npy", scene.face)
        np.save(f"{stem}_missing_face_frames.npy", np.empty(0, np.int64))
        if on_progress:
            on_progress(number + 1, scenes, f"scene {number:02d}")
