"""How a trained actor moves, beside the recordings it never saw: figures for its model card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.ndimage import gaussian_filter1d

from a2p_backend.actors.actor import Actor
from a2p_backend.audio.clip import Clip
from a2p_backend.performer import perform
from a2p_backend.training.body import FOOT_JOINTS
from a2p_backend.training.metrics import evaluate
from a2p_backend.training.scenes import Scene, Signal, measure_range
from a2p_backend.training.synthetic.prosody import analyse
from a2p_backend.wire.settings import GenerateSettings
from kinematics.body import Body
from kinematics.face_codes import FACE_CODE_NAMES

_WRISTS = ("b_l_wrist", "b_r_wrist")
_SPEECH = 0.4  # loudness above which somebody speaks
_SECOND = 30


def assess(
    actor: Actor,
    scenes: Sequence[Scene],
    settings: GenerateSettings,
    *,
    seconds: int = 20,
    clips: int = 8,
    takes: int = 2,
) -> Mapping[str, float]:
    """Performs stretches of scenes a few times and compares with how those were captured.

    Returns the paper's metrics, and by name: `feet_*` cm and cm/s off a standing foot; `jerk` and `spread`
    as multiples of the captured; `beyond_range` the share of numbers that leave what the scenes range over
    by more than a tenth of it; `hands_*` the wrists' mean speed in cm/s while speaking and otherwise, and its
    correlation with loudness over seconds; `jaw_correlation` with loudness, frame by frame. Names that end
    in `_captured` are the recordings' own.
    """
    frames = seconds * _SECOND
    stretches = [(scene, start) for scene in scenes for start in range(0, scene.frames - frames + 1, frames)]
    rng = np.random.default_rng(0)
    chosen = [stretches[index] for index in rng.permutation(len(stretches))[:clips]]
    captured = np.stack([scene.motion(Signal.POSE, at, at + frames) for scene, at in chosen]).astype(float)
    faces = np.stack([scene.motion(Signal.FACE, at, at + frames) for scene, at in chosen])
    sounds = [scene.audio(at, at + frames) for scene, at in chosen]
    loudness = np.stack([analyse(sound[:, 0]).loudness for sound in sounds])

    performances = [
        [perform(Clip(sound, "assessment", ""), actor, _seeded(settings, take)) for sound in sounds]
        for take in range(takes)
    ]
    generated = np.stack([[each.pose for each in row] for row in performances]).astype(float)
    jaws = np.stack([each.face for each in performances[0]])[..., FACE_CODE_NAMES.index("jaw_open")]
    captured_jaws = faces[..., FACE_CODE_NAMES.index("jaw_open")]

    deviation = actor.statistics.pose_std
    moving = captured.std(axis=(0, 1)) > 1e-4
    spread = generated.std(axis=(0, 1, 2))[moving] / captured.std(axis=(0, 1))[moving]
    return {
        **evaluate(generated[..., moving], captured[..., moving], rng),
        **_feet(actor.body, generated[0]),
        "jerk": _jerk(generated / deviation) / _jerk(captured / deviation),
        "spread": float(np.median(spread)),
        "beyond_range": _beyond(generated[..., moving], scenes, moving),
        **_hands(actor.body, generated[0], loudness),
        **{f"{key}_captured": value for key, value in _hands(actor.body, captured, loudness).items()},
        "jaw_correlation": _correlation(jaws, loudness),
        "jaw_correlation_captured": _correlation(captured_jaws, loudness),
    }


def _seeded(settings: GenerateSettings, take: int) -> GenerateSettings:
    return GenerateSettings(**{**settings.to_dict(), "seed": settings.seed + take})


def _places(body: Body, pose: np.ndarray, joints: Sequence[str]) -> np.ndarray:
    """Where joints are in cm, (N, T, len(joints), 3)."""
    return body.global_states(pose).translation[..., [body.skeleton.index(name) for name in joints], :]


def _feet(body: Body, pose: np.ndarray) -> Mapping[str, float]:
    places = _places(body, pose, FOOT_JOINTS)
    away = np.linalg.norm(places - np.median(places, axis=1, keepdims=True), axis=-1)
    speed = _SECOND * np.linalg.norm(np.diff(places, axis=1), axis=-1)
    return {
        "feet_away": float(away.mean()),
        "feet_away_p95": float(np.quantile(away, 0.95)),
        "feet_speed": float(speed.mean()),
    }


def _beyond(generated: np.ndarray, scenes: Sequence[Scene], moving: np.ndarray) -> float:
    low, high = (bound[moving] for bound in measure_range(scenes, Signal.POSE))
    margin = 0.1 * (high - low)
    return float(((generated < low - margin) | (generated > high + margin)).mean())


def _jerk(motion: np.ndarray) -> float:
    return float(np.abs(np.diff(motion, n=3, axis=-2)).mean())


def _hands(body: Body, pose: np.ndarray, loudness: np.ndarray) -> Mapping[str, float]:
    speed = _SECOND * np.linalg.norm(np.diff(_places(body, pose, _WRISTS), axis=1), axis=-1).mean(axis=-1)
    spoken = gaussian_filter1d(loudness, 8.0, axis=1)[:, 1:]
    return {
        "hands_speaking": float(speed[spoken > _SPEECH].mean()),
        "hands_listening": float(speed[spoken < _SPEECH / 4].mean()),
        "hands_correlation": _correlation(
            gaussian_filter1d(speed, _SECOND / 2, axis=1),
            gaussian_filter1d(loudness[:, 1:], _SECOND / 2, axis=1),
        ),
    }


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])
