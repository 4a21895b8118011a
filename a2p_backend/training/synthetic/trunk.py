"""Pelvis, spine and head: sway, breathing, weight shifts, nods on emphasis, gaze."""

from __future__ import annotations

import numpy as np

from .conversation import ACTOR, PARTNER, Conversation
from .curves import FPS, pulses, slow_noise, through_keys
from .gestures import turns_of
from .prosody import Prosody

_PARTNER_YAW = 0.10  # the partner stands a little to the left
_BREATH_SECONDS = 3.8
_MEAN = np.array(  # a relaxed stance near GQS883's, upright; parameters 0 to 15
    [0.0, -0.01, 0.0, 0.02, 0.01, 0.10, 0.0, -0.02, 0.0, 0.02, 0.0, 0.13, 0.0, 0.03, 0.12, -0.10]
)


def move_trunk(
    rng: np.random.Generator,
    conversation: Conversation,
    prosody: Prosody,
    strokes: np.ndarray,
    strengths: np.ndarray,
) -> np.ndarray:
    """Parameters 0 to 15 of the actor's poses, (T, 16)."""
    frames = conversation.frames
    trunk = np.tile(_MEAN, (frames, 1))
    trunk += rng.normal(0.0, 1.0, 16) * _scene_offsets()
    _stand(rng, trunk)
    _sway_spine(rng, trunk, conversation)
    _breathe(rng, trunk)
    _emphasise(rng, trunk, prosody, strokes, strengths)
    _nod_along(rng, trunk, conversation)
    _look(rng, trunk, conversation)
    return trunk


def _scene_offsets() -> np.ndarray:
    """How much posture differs from scene to scene."""
    offsets = np.zeros(16)
    offsets[[4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15]] = (
        0.012,
        0.025,
        0.06,
        0.02,
        0.06,
        0.05,
        0.06,
        0.10,
        0.05,
        0.05,
        0.05,
    )
    return offsets


def _keys(
    rng: np.random.Generator,
    frames: int,
    values: np.ndarray,
    wait: tuple[float, float],
    move: tuple[float, float],
):
    """Holds and moves through random values (n, D) with the given ranges of seconds; n must be large
    enough.
    """
    times, held = [0.0], [values[0]]
    index = 0
    while times[-1] < frames:
        leaves = times[-1] + FPS * rng.uniform(*wait)
        index = (index + 1) % len(values)
        times += [leaves, leaves + FPS * rng.uniform(*move)]
        held += [held[-1], values[index]]
    return through_keys(np.array(times), np.array(held), frames)


def _stand(rng: np.random.Generator, trunk: np.ndarray) -> None:
    """Weight moves from one leg to the other; the free hip drops and turns a little."""
    frames = len(trunk)
    # left-right shift, forward shift, sideways tilt of the pelvis, yaw
    sides = np.where(rng.random(64) < 0.5, -1.0, 1.0) * rng.uniform(0.1, 0.62, 64)
    targets = np.stack(
        [
            sides,
            rng.normal(0.0, 0.2, 64),
            -0.05 * sides + rng.normal(0.0, 0.012, 64),
            rng.normal(0.0, 0.08, 64),
        ],
        axis=1,
    )
    shift = _keys(rng, frames, targets, (4.0, 12.0), (1.1, 2.2))
    sway = slow_noise(rng, frames, 2, 3.5) * (0.05, 0.04) + slow_noise(rng, frames, 2, 1.3) * (0.012, 0.010)
    trunk[:, 0] += shift[:, 0] + sway[:, 0]
    trunk[:, 2] += shift[:, 1] + sway[:, 1]
    trunk[:, 1] -= 0.18 * shift[:, 0] ** 2 + 0.04 * np.abs(slow_noise(rng, frames, 1, 6.0)[:, 0])
    trunk[:, 4] += shift[:, 2]
    trunk[:, 3] += shift[:, 3] + 0.015 * slow_noise(rng, frames, 1, 4.0)[:, 0]
    trunk[:, 5] += 0.025 * slow_noise(rng, frames, 1, 5.0)[:, 0]
    trunk[:, 7] += 0.8 * shift[:, 2]  # the spine leans back over the feet
    trunk[:, 10] += 0.25 * shift[:, 2]


def _sway_spine(rng: np.random.Generator, trunk: np.ndarray, conversation: Conversation) -> None:
    """Posture keys of the trunk (turn, lean, bend), wider while the actor talks; slow drift in between."""
    frames = len(trunk)
    talking = _talking(conversation, ACTOR)
    spread = np.array([0.11, 0.035, 0.06, 0.08, 0.09, 0.11])  # lower turn lean bend, upper turn lean bend
    settled = _keys(rng, frames, rng.normal(0.0, 0.7, (96, 6)) * spread, (3.0, 9.0), (0.9, 1.8))
    lively = _keys(rng, frames, rng.normal(0.0, 1.0, (512, 6)) * spread, (0.4, 2.6), (0.55, 1.1))
    trunk[:, 6:12] += settled + talking[:, None] * lively
    trunk[:, 6:12] += slow_noise(rng, frames, 6, 4.0) * (0.02, 0.010, 0.012, 0.015, 0.012, 0.015)
    wind = slow_noise(rng, frames, 1, 14.0)[:, 0]  # lower and upper spine share a turn in changing parts
    trunk[:, 6] += 0.18 * wind
    trunk[:, 9] -= 0.14 * wind
    bend = slow_noise(rng, frames, 1, 18.0)[:, 0]
    trunk[:, 8] += 0.11 * bend
    trunk[:, 11] -= 0.12 * bend


def _breathe(rng: np.random.Generator, trunk: np.ndarray) -> None:
    frames = len(trunk)
    rate = 1.0 + 0.12 * slow_noise(rng, frames, 1, 9.0)[:, 0]
    phase = rng.uniform(0.0, 2.0 * np.pi) + 2.0 * np.pi * np.cumsum(np.clip(rate, 0.6, 1.5)) / (
        FPS * _BREATH_SECONDS
    )
    breath = np.sin(phase)
    trunk[:, 11] -= 0.010 * breath
    trunk[:, 14] += 0.006 * breath


def _emphasise(
    rng: np.random.Generator, trunk: np.ndarray, prosody: Prosody, strokes: np.ndarray, strengths: np.ndarray
) -> None:
    """Head nods on stressed syllables; the chest follows the strokes."""
    frames = len(trunk)
    nodded = (prosody.stress > 0.6) & (rng.random(len(prosody.stress)) < 0.55)
    at, heights = prosody.nuclei[nodded] + 1.0, prosody.stress[nodded] * rng.uniform(0.06, 0.20, nodded.sum())
    nod = np.minimum(pulses(frames, at, heights, 0.20, 0.34), 0.28)
    trunk[:, 15] += nod - 0.02
    trunk[:, 14] += 0.25 * nod
    chest = pulses(frames, strokes, strengths * rng.uniform(0.015, 0.05, len(strokes)), 0.30, 0.45)
    turn = pulses(frames, strokes, strengths * rng.normal(0.0, 0.035, len(strokes)), 0.35, 0.6)
    tilt = pulses(frames, strokes, strengths * rng.normal(0.0, 0.05, len(strokes)), 0.35, 0.6)
    trunk[:, 11] += chest
    trunk[:, 9] += turn
    trunk[:, 13] += tilt


def _nod_along(rng: np.random.Generator, trunk: np.ndarray, conversation: Conversation) -> None:
    """The listener nods: on own backchannels, and often where the partner ends a sentence."""
    at, heights = [], []
    moments = [u.start + 2.0 for u in conversation.of(ACTOR) if u.backchannel]
    moments += [u.end - 3.0 for u in conversation.of(PARTNER) if not u.backchannel and rng.random() < 0.45]
    for moment in moments:
        if moment < 0:
            continue
        for count in range(int(rng.integers(1, 4))):
            at.append(moment + count * FPS * 0.42)
            heights.append(rng.uniform(0.08, 0.17) * 0.75**count)
    nods = pulses(len(trunk), np.array(at), np.array(heights), 0.19, 0.24)
    trunk[:, 15] += np.minimum(nods, 0.25)


def _look(rng: np.random.Generator, trunk: np.ndarray, conversation: Conversation) -> None:
    """At the partner while listening; away and back while talking. The neck makes up for the trunk's turn."""
    frames = len(trunk)
    times, gaze = [0.0], [np.array([_PARTNER_YAW, 0.0, 0.0])]

    def turn_to(at: float, yaw: float, pitch: float, tilt: float) -> None:
        at = max(at, times[-1] + 3.0)
        seconds = rng.uniform(0.40, 0.75) + 0.4 * abs(yaw - gaze[-1][0])
        times.extend([at, at + FPS * seconds])
        gaze.extend([gaze[-1], np.array([yaw, pitch, tilt])])

    for turn in turns_of(conversation.of(ACTOR)):
        at = turn[0].start + FPS * rng.uniform(-0.4, 0.2)
        while at < turn[-1].end - 0.8 * FPS:
            if rng.random() < 0.6:
                turn_to(
                    at, _PARTNER_YAW + rng.normal(0.0, 0.22), rng.normal(0.03, 0.09), rng.normal(0.0, 0.07)
                )
            else:
                turn_to(at, _PARTNER_YAW + rng.normal(0.0, 0.05), 0.0, rng.normal(0.0, 0.06))
            at = times[-1] + FPS * rng.uniform(0.5, 2.2)
        turn_to(turn[-1].end - 0.3 * FPS, _PARTNER_YAW, 0.0, rng.normal(0.0, 0.05))
    times.append(max(times[-1] + 1.0, float(frames)))
    gaze.append(gaze[-1])
    path = through_keys(np.array(times), np.array(gaze), frames)
    tilts = _keys(rng, frames, rng.normal(0.0, 0.10, (128, 1)), (2.0, 7.0), (0.6, 1.2))
    drift = slow_noise(rng, frames, 4, 2.5) * (0.025, 0.02, 0.015, 0.015)
    body_yaw = trunk[:, 3] + trunk[:, 6] + trunk[:, 9]
    trunk[:, 12] += path[:, 0] - 0.85 * body_yaw + drift[:, 0]
    trunk[:, 13] += path[:, 2] + tilts[:, 0] + drift[:, 1] - 0.6 * (trunk[:, 10] + trunk[:, 7] - trunk[:, 4])
    bent = trunk[:, 8] + trunk[:, 11] - trunk[:, 5]
    bent = bent - bent.mean()
    share = 0.10 * slow_noise(rng, frames, 1, 12.0)[:, 0]
    trunk[:, 14] += 0.4 * path[:, 1] - 0.45 * bent + share + drift[:, 2]
    trunk[:, 15] += 0.6 * path[:, 1] - 0.40 * bent - share + drift[:, 3]


def _talking(conversation: Conversation, party: int) -> np.ndarray:
    """(T,) 1 through a party's turns, with soft edges."""
    mask = np.zeros(conversation.frames)
    for turn in turns_of(conversation.of(party)):
        mask[max(0, int(turn[0].start) - 10) : int(turn[-1].end) + 10] = 1.0
    return np.convolve(np.pad(mask, 15, mode="edge"), np.hanning(31) / np.hanning(31).sum(), mode="valid")
