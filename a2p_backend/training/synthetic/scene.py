"""One scene: the actor's body and face through a conversation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

from kinematics.body import Body

from .conversation import ACTOR, Conversation
from .curves import slow_noise, through_keys
from .expression import move_face
from .gestures import GesturePlan, HandTrack, Style, plan_gestures
from .hands import arm_parameters, finger_parameters
from .legs import lower_to_reach, plant_legs
from .prosody import analyse
from .statistics import LEFT_ARM, LEFT_HAND, LEFT_LEG, RIGHT_ARM, RIGHT_HAND, RIGHT_LEG, typical
from .trunk import move_trunk

_HAND_LAG = 1.5  # frames by which fingers trail the arm


@dataclass(frozen=True)
class Scene:
    """pose (T, 104) and face (T, 256), float32, at 30 frames a second; plan: the gestures that were meant."""

    pose: np.ndarray
    face: np.ndarray
    plan: GesturePlan


def act(rng: np.random.Generator, conversation: Conversation, body: Body) -> Scene:
    """The actor's motion for a conversation; `body` is the one whose feet must stay on the ground."""
    frames = conversation.frames
    prosody = analyse(conversation.voices[:, ACTOR])
    plan = plan_gestures(rng, conversation, prosody, Style.draw(rng))
    pose = np.zeros((frames, 104))
    pose[:, :16] = move_trunk(rng, conversation, prosody, plan.strokes, plan.strengths)
    for hand, arm_columns, finger_columns in (
        (plan.right, RIGHT_ARM, RIGHT_HAND),
        (plan.left, LEFT_ARM, LEFT_HAND),
    ):
        pose[:, arm_columns] = _move_arm(rng, hand, body, frames)
        pose[:, finger_columns] = _move_fingers(rng, hand, frames)
    pose = gaussian_filter1d(pose, 0.8, axis=0, mode="nearest")
    pose[:, :6] = lower_to_reach(body, pose[:, :6])
    pose[:, RIGHT_LEG], pose[:, LEFT_LEG] = plant_legs(
        body, pose[:, :6], knee_turn=0.06 * slow_noise(rng, frames, 2, 9.0)
    )
    return Scene(pose.astype(np.float32), move_face(rng, conversation, prosody).astype(np.float32), plan)


def _move_arm(rng: np.random.Generator, hand: HandTrack, body: Body, frames: int) -> np.ndarray:
    arm = through_keys(np.array(hand.frames), arm_parameters(body, hand.poses), frames)
    loose = np.array([0.008, 0.008, 0.008, 0.008, 0.012, 0.008, 0.015, 0.02, 0.02, 0.03, 0.02, 0.03])
    return arm + slow_noise(rng, frames, 12, 2.2) * loose


def _move_fingers(rng: np.random.Generator, hand: HandTrack, frames: int) -> np.ndarray:
    shapes = np.stack([finger_parameters(pose) for pose in hand.poses])
    fingers = through_keys(np.array(hand.frames) + _HAND_LAG, shapes, frames)
    _, spread = typical(RIGHT_HAND, LEFT_HAND)
    return fingers + slow_noise(rng, frames, 23, 2.5) * 0.12 * spread
