"""When the hands move: gestures on stressed syllables while talking, low and quiet hands while listening."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from .conversation import ACTOR, Conversation, Utterance
from .curves import FPS
from .hands import (
    AT_WAIST,
    CLASPED_OVER,
    CLASPED_UNDER,
    HANGING,
    HandPose,
    draw_gesture,
)
from .prosody import Prosody

_CRUISE = 62.0  # cm/s; a minimum-jerk move peaks at 1.9 times its mean speed
_SHORTEST = 0.27  # seconds
_TURN_PAUSE = 1.8  # seconds of silence that end a turn
_RESTS = (
    (AT_WAIST, AT_WAIST),
    (CLASPED_UNDER, CLASPED_OVER),
    (CLASPED_OVER, CLASPED_UNDER),
    (HANGING, HANGING),
    (AT_WAIST, HANGING),
)
_REST_CHANCES = (0.42, 0.19, 0.19, 0.13, 0.07)


@dataclass
class HandTrack:
    """One hand's keys: it is at rest at every key's frame."""

    frames: list[float] = field(default_factory=list)
    poses: list[HandPose] = field(default_factory=list)

    def start(self, pose: HandPose) -> None:
        """The pose at frame 0."""
        self.frames.append(0.0)
        self.poses.append(pose)

    def move(self, pose: HandPose, at: float, seconds: float = 0.0) -> float:
        """Holds the last pose, then arrives at the new one at frame `at` or as soon after as a hand can;
        returns when.
        """
        distance = float(np.linalg.norm(np.subtract(pose.place, self.poses[-1].place)))
        turned = 1.0 - float(np.dot(pose.palm, self.poses[-1].palm)) / 2.0
        frames = FPS * max(seconds, _SHORTEST, distance / _CRUISE, 0.6 * turned)
        leaves = max(self.frames[-1], at - frames)
        if leaves > self.frames[-1] + 1.0:
            self.frames.append(leaves)
            self.poses.append(self.poses[-1])
        arrives = max(at, leaves + frames)
        self.frames.append(arrives)
        self.poses.append(pose)
        return arrives


@dataclass(frozen=True)
class GesturePlan:
    """right, left: the hands' keys; strokes: frames of the strokes and their strengths, for the trunk to
    follow.
    """

    right: HandTrack
    left: HandTrack
    strokes: np.ndarray
    strengths: np.ndarray


@dataclass(frozen=True)
class Style:
    """How lively one scene is. size: of the gesture space; pace: strokes a second; right_handed: chance
    that a gesture of one hand is the right hand's.
    """

    size: float
    pace: float
    right_handed: float

    @staticmethod
    def draw(rng: np.random.Generator) -> Style:
        return Style(rng.uniform(0.75, 1.25), rng.uniform(0.75, 1.15), rng.uniform(0.55, 0.8))


def turns_of(utterances: tuple[Utterance, ...]) -> list[list[Utterance]]:
    """Utterances grouped into turns; backchannels are left out."""
    turns: list[list[Utterance]] = []
    for utterance in utterances:
        if utterance.backchannel:
            continue
        if turns and utterance.start - turns[-1][-1].end < _TURN_PAUSE * FPS:
            turns[-1].append(utterance)
        else:
            turns.append([utterance])
    return turns


def plan_gestures(
    rng: np.random.Generator, conversation: Conversation, prosody: Prosody, style: Style
) -> GesturePlan:
    """The hands of the actor through a conversation."""
    right, left = HandTrack(), HandTrack()
    rest = _draw_rest(rng)
    right.start(rest[0])
    left.start(rest[1])
    strokes: list[tuple[float, float]] = []
    turns = turns_of(conversation.of(ACTOR))
    for index, turn in enumerate(turns):
        begins, ends = turn[0].start, turn[-1].end
        _fidget(rng, (right, left), until=begins - 1.2 * FPS)
        moments = _stroke_moments(rng, prosody, begins, ends, style)
        if not moments or (ends - begins < 1.2 * FPS and rng.random() < 0.6):
            continue
        strokes += _gesticulate(rng, (right, left), moments, style)
        next_turn = turns[index + 1][0].start if index + 1 < len(turns) else conversation.frames
        leaves = max(ends + FPS * rng.uniform(-0.2, 0.6), right.frames[-1], left.frames[-1])
        if next_turn - leaves > 2.2 * FPS:
            rest = _draw_rest(rng)
            for hand, pose in zip((right, left), rest, strict=True):
                seconds = rng.uniform(0.75, 1.15)
                hand.move(pose, leaves + seconds * FPS, seconds)
    _fidget(rng, (right, left), until=conversation.frames - FPS)
    for hand in (right, left):
        hand.frames.append(max(hand.frames[-1] + 1.0, float(conversation.frames)))
        hand.poses.append(hand.poses[-1])
    frames, strengths = np.array(strokes).reshape(-1, 2).T
    return GesturePlan(right, left, frames, strengths)


def _stroke_moments(
    rng: np.random.Generator, prosody: Prosody, begins: float, ends: float, style: Style
) -> list[tuple[float, float]]:
    """Frames and strengths of the syllables that get a stroke: the stressed ones, not closer than a hand
    can follow.
    """
    inside = (prosody.nuclei > begins - 3) & (prosody.nuclei < ends + 3) & (prosody.stress > 0.35)
    moments: list[tuple[float, float]] = []
    for frame, stress in zip(prosody.nuclei[inside], prosody.stress[inside], strict=True):
        gap = (frame - moments[-1][0]) / FPS if moments else np.inf
        if gap > 0.55 / style.pace and rng.random() < 0.35 + 0.65 * stress:
            moments.append((float(frame), float(stress)))
        elif moments and gap < 0.25 and stress > moments[-1][1]:
            moments[-1] = (float(frame), float(stress))
    return moments


def _gesticulate(
    rng: np.random.Generator,
    hands: tuple[HandTrack, HandTrack],
    moments: list[tuple[float, float]],
    style: Style,
) -> list[tuple[float, float]]:
    """One turn's strokes: now and then a new gesture, beats on the gesture that is held in between."""
    strokes: list[tuple[float, float]] = []
    active, until_new = _draw_hands(rng, style), 0
    held: list[HandPose | None] = [None, None]
    for frame, stress in moments:
        if any(hands[hand].frames[-1] > frame - 0.15 * FPS for hand in active):
            continue
        new = until_new <= 0
        if new:
            active, until_new = _draw_hands(rng, style), int(rng.geometric(0.42))
            gesture = draw_gesture(rng, style.size)
            for hand in (0, 1):
                if hand in active:
                    held[hand] = gesture.moved(rng.normal(0.0, 1.2, 3)).varied(rng)
                elif rng.random() < 0.5 or held[hand] is None:
                    held[hand] = None
                    lowered = AT_WAIST.moved(rng.normal(0.0, (2.0, 2.5, 1.5))).varied(rng)
                    if hands[hand].poses[-1].place[1] > 109.0:
                        hands[hand].move(lowered, frame + 0.5 * FPS, 0.8)
        until_new -= 1
        height = (2.0 + 4.5 * stress) * style.size * rng.uniform(0.7, 1.2)
        for hand in active:
            pose = held[hand]
            if pose is None:
                pose = held[hand] = draw_gesture(rng, style.size)
            _stroke(rng, hands[hand], pose, frame, height)
        strokes.append((frame, stress * (1.0 if new else 0.7)))
    return strokes


def _stroke(rng: np.random.Generator, hand: HandTrack, pose: HandPose, frame: float, height: float) -> None:
    """Preparation up and back, stroke down on the syllable, recoil into the hold."""
    raised = pose.moved(np.array([0.1, 0.75, -0.25]) * height)
    struck = pose.moved(np.array([0.0, -0.35, 0.3]) * height)
    stroke_seconds = rng.uniform(0.26, 0.36)
    ready = hand.move(raised, frame - stroke_seconds * FPS, 0.3)
    hit = hand.move(struck, max(frame, ready + 0.22 * FPS), stroke_seconds)
    hand.move(replace(pose, spread=0.7 * pose.spread), hit + 0.33 * FPS, 0.33)


def _draw_hands(rng: np.random.Generator, style: Style) -> tuple[int, ...]:
    """Which hands gesture: 0 the right, 1 the left."""
    if rng.random() < 0.55:
        return (0, 1)
    return (0,) if rng.random() < style.right_handed else (1,)


def _draw_rest(rng: np.random.Generator) -> tuple[HandPose, HandPose]:
    """The right and the left hand at rest."""
    poses = _RESTS[rng.choice(len(_RESTS), p=_REST_CHANCES)]
    shift = rng.normal(0.0, (0.8, 1.8, 0.8))
    clasped = poses[0] is not poses[1]
    return poses[0].moved(shift).varied(rng), poses[1].moved(
        shift * (-1.0 if clasped else 1.0, 1.0, 1.0)
    ).varied(rng)


def _fidget(rng: np.random.Generator, hands: tuple[HandTrack, HandTrack], until: float) -> None:
    """Small changes of the resting hands every few seconds, and now and then another rest."""
    now = max(hand.frames[-1] for hand in hands)
    while True:
        now += FPS * rng.uniform(2.5, 7.0)
        if now > until:
            return
        if rng.random() < 0.22:
            seconds = rng.uniform(0.9, 1.5)
            now = max(
                hand.move(pose, now, seconds) for hand, pose in zip(hands, _draw_rest(rng), strict=True)
            )
            continue
        shift, seconds = rng.normal(0.0, (0.5, 1.3, 0.5)), rng.uniform(0.7, 1.6)
        for hand in hands:
            pose = hand.poses[-1]
            curls = tuple(np.clip(np.asarray(pose.curls) + rng.normal(0.0, 0.07), 0.0, 1.1))
            hand.move(replace(pose.moved(shift), curls=curls), now, seconds)
