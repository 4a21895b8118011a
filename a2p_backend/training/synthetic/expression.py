"""The face: six named codes driven by the sound of the actor's own voice and by the conversation's turns."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter1d

from kinematics.face_codes import FACE_CODE_NAMES, FACE_WIDTH

from .conversation import ACTOR, PARTNER, Conversation
from .curves import FPS, pulses, slow_noise
from .gestures import turns_of
from .prosody import Prosody

_BLINK = np.array([0.45, 1.0, 0.95, 0.6, 0.25])  # five frames


def move_face(rng: np.random.Generator, conversation: Conversation, prosody: Prosody) -> np.ndarray:
    """Expression codes (T, 256): the named ones between 0 and 1, the others zero."""
    frames = conversation.frames
    shaped = {
        **_mouth(prosody),
        "brows_up": _brows(rng, conversation, prosody),
        "blink": _blinks(rng, conversation),
        "smile": _smile(rng, conversation),
    }
    face = np.zeros((frames, FACE_WIDTH))
    for index, name in enumerate(FACE_CODE_NAMES):
        face[:, index] = np.clip(shaped[name], 0.0, 1.0)
    return face


def _mouth(prosody: Prosody) -> dict[str, np.ndarray]:
    """Jaw by loudness and by the strength of the first formant, lips by where the second one is."""
    voiced = np.clip((prosody.loudness - 0.30) / 0.65, 0.0, 1.0)
    first_formant = prosody.bands[:, 1] - prosody.bands[:, 0]
    openness = 1.0 / (1.0 + np.exp(-(first_formant - 0.2) / 0.9))
    second_formant = prosody.bands[:, 3] - prosody.bands[:, 2]
    front = 1.0 / (1.0 + np.exp(-(second_formant + 0.5) / 0.8))
    friction = np.clip((prosody.bands[:, 4] - prosody.bands[:, 1] + 1.0) / 5.0, 0.0, 1.0) * (
        prosody.loudness > 0.2
    )
    jaw = voiced * (0.25 + 0.75 * openness) * (1.0 - 0.5 * friction)
    return {
        "jaw_open": 0.95 * gaussian_filter1d(jaw, 0.9),
        "lips_wide": 0.8 * gaussian_filter1d(voiced * front + 0.35 * friction, 1.2),
        "lips_round": 0.9 * gaussian_filter1d(voiced * (1.0 - front) * (1.0 - friction), 1.4),
    }


def _brows(rng: np.random.Generator, conversation: Conversation, prosody: Prosody) -> np.ndarray:
    frames = conversation.frames
    raised = (prosody.stress > 0.75) & (rng.random(len(prosody.stress)) < 0.4)
    emphasis = pulses(frames, prosody.nuclei[raised], rng.uniform(0.25, 0.75, raised.sum()), 0.22, 0.4)
    heard = [u for u in conversation.of(ACTOR) if u.backchannel]
    surprise = pulses(frames, np.array([u.start for u in heard]), rng.uniform(0.0, 0.5, len(heard)), 0.3, 0.7)
    return np.minimum(emphasis + surprise, 0.95) + 0.06 + 0.04 * slow_noise(rng, frames, 1, 6.0)[:, 0]


def _blinks(rng: np.random.Generator, conversation: Conversation) -> np.ndarray:
    """A blink every 2 to 6 s, and one at most ends of turns."""
    moments, now = [], rng.uniform(0.5, 4.0) * FPS
    while now < conversation.frames:
        moments.append(now)
        now += FPS * rng.uniform(2.0, 6.0)
    for party in (ACTOR, PARTNER):
        moments += [
            turn[-1].end + rng.uniform(-2.0, 6.0)
            for turn in turns_of(conversation.of(party))
            if rng.random() < 0.6
        ]
    blink = np.zeros(conversation.frames)
    for moment in moments:
        first = max(int(moment), 0)
        shape = _BLINK[: max(conversation.frames - first, 0)]
        blink[first : first + len(shape)] = np.maximum(blink[first : first + len(shape)], shape)
    return blink


def _smile(rng: np.random.Generator, conversation: Conversation) -> np.ndarray:
    """A faint smile that grows while listening and with backchannels."""
    frames = conversation.frames
    listening = np.zeros(frames)
    for turn in turns_of(conversation.of(PARTNER)):
        listening[int(turn[0].start) : int(turn[-1].end)] = 1.0
    listening = gaussian_filter1d(listening, 20.0)
    mood = 0.10 + 0.07 * slow_noise(rng, frames, 1, 10.0)[:, 0]
    heard = [u for u in conversation.of(ACTOR) if u.backchannel]
    warmth = pulses(
        frames, np.array([u.start + 4 for u in heard]), rng.uniform(0.1, 0.5, len(heard)), 0.5, 1.4
    )
    return mood + listening * (0.16 + 0.10 * slow_noise(rng, frames, 1, 8.0)[:, 0]) + np.minimum(warmth, 0.6)
