"""Two people talking: turns, pauses, overlaps and backchannels on a two-channel recording."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from . import text
from .prosody import SAMPLES_A_FRAME
from .speech import SAMPLE_RATE, Voice, draw_voices, speak

ACTOR, PARTNER = 0, 1

Speaker = Callable[[str, Voice], np.ndarray]


@dataclass(frozen=True)
class Utterance:
    """One sentence or backchannel; start and end in frames, with fractions."""

    party: int
    start: float
    end: float
    backchannel: bool
    last_of_turn: bool


@dataclass(frozen=True)
class Conversation:
    """voices (1600 T, 2): the clean voices of actor and partner; audio: the same as a microphone would have
    them.
    """

    voices: np.ndarray
    audio: np.ndarray
    utterances: tuple[Utterance, ...]

    @property
    def frames(self) -> int:
        return len(self.audio) // SAMPLES_A_FRAME

    def of(self, party: int) -> tuple[Utterance, ...]:
        """One party's utterances in order."""
        return tuple(utterance for utterance in self.utterances if utterance.party == party)


def converse(
    rng: np.random.Generator, seconds: float, *, silent_partner: bool = False, speaker: Speaker = speak
) -> Conversation:
    """A conversation of the given length; with a silent partner, the actor talks to somebody who only
    listens.
    """
    frames = int(seconds * SAMPLE_RATE) // SAMPLES_A_FRAME
    samples = np.zeros((frames * SAMPLES_A_FRAME, 2), np.float32)
    spoken_by = draw_voices(rng)
    talkative = rng.uniform(0.8, 1.6)
    utterances: list[Utterance] = []

    def place(words: str, party: int, at: float, *, backchannel: bool = False, last: bool = False) -> float:
        voice = speaker(words, spoken_by[party]) * rng.uniform(0.8, 1.2)
        if backchannel:
            voice = 0.7 * voice
        first = int(at * SAMPLE_RATE)
        voice = voice[: max(len(samples) - first, 0)]
        samples[first : first + len(voice), party] += voice
        end = at + len(voice) / SAMPLE_RATE
        if len(voice):
            utterances.append(Utterance(party, at * 30.0, end * 30.0, backchannel, last))
        return end

    now, party = rng.uniform(0.3, 2.0), int(rng.integers(2))
    while now < seconds:
        if silent_partner:
            party = ACTOR
        sentences = int(np.clip(rng.geometric(0.42 / (talkative if party == ACTOR else 1.0)), 1, 6))
        said = text.turn(rng, sentences)
        for index, words in enumerate(said):
            now = place(words, party, now, last=index == len(said) - 1)
            if now >= seconds:
                break
            if not silent_partner and index < len(said) - 1 and rng.random() < 0.4:
                place(text.backchannel(rng), 1 - party, now + rng.uniform(-0.3, 0.1), backchannel=True)
            now += rng.uniform(0.15, 0.75)
        gap = rng.uniform(0.8, 3.5) if silent_partner else float(np.clip(rng.normal(0.0, 0.4), -0.9, 1.0))
        if rng.random() < 0.06:
            gap += rng.uniform(1.0, 4.0)
        now = max(now + gap, 0.0)
        party = 1 - party
    return Conversation(samples, _microphone(rng, samples), tuple(sorted(utterances, key=lambda u: u.start)))


def _microphone(rng: np.random.Generator, voices: np.ndarray) -> np.ndarray:
    """Level, tone, leakage and noise of a recording, so that a network meets more than one studio."""
    recorded = voices + rng.uniform(0.0, 0.012) * voices[:, ::-1]
    tilt = rng.uniform(-0.35, 0.35)
    recorded = recorded.astype(float)
    recorded[1:] += tilt * recorded[:-1]
    recorded *= 10.0 ** rng.uniform(-0.8, 0.0, (1, 2)) / max(float(np.abs(recorded).max()), 1e-3)
    noise = 10.0 ** rng.uniform(-4.2, -2.7, (1, 2)) * rng.standard_normal(recorded.shape)
    return np.clip(recorded + noise, -1.0, 1.0).astype(np.float32)
