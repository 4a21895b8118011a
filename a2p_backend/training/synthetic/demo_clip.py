"""Makes the clip that the project ships for its demonstration.

    python -m a2p_backend.training.synthetic.demo_clip [TARGET.flac]

Twelve seconds of two espeak-ng voices in conversation: left the actor, right the partner. Neither the words
nor the pair of voices are in the synthetic dataset.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import resample_poly

from .speech import SAMPLE_RATE, Voice, speak

SECONDS = 12
CLIP_RATE = 24_000
ASSET = Path(__file__).parents[2] / "assets" / "conversation.flac"

_ACTOR = Voice("en-us+f2", pitch=55, speed=160)
_PARTNER = Voice("en-gb+m3", pitch=40, speed=165)
_LINES = (  # who speaks, the second it starts, the words
    (_ACTOR, 0.4, "So, you will never guess who called me this morning."),
    (_PARTNER, 3.2, "No idea. Who was it?"),
    (_ACTOR, 4.7, "The puppet theatre! They want all of the sketches, every single one, by Friday evening."),
    (_PARTNER, 9.5, "By Friday? That is wonderful, and completely mad."),
)


def conversation() -> np.ndarray:
    """The clip's samples, (12 s at 24 kHz, 2)."""
    samples = np.zeros((SECONDS * SAMPLE_RATE, 2), np.float32)
    for voice, second, words in _LINES:
        spoken = speak(words, voice)
        start = round(second * SAMPLE_RATE)
        spoken = spoken[: len(samples) - start]
        samples[start : start + len(spoken), 0 if voice is _ACTOR else 1] += spoken
    return resample_poly(samples, CLIP_RATE, SAMPLE_RATE, axis=0)


def main() -> None:
    """Writes the clip."""
    parser = argparse.ArgumentParser(description="Make the demonstration clip.")
    parser.add_argument("target", nargs="?", type=Path, default=ASSET)
    target = parser.parse_args().target
    target.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(target, conversation(), CLIP_RATE, subtype="PCM_16")
    print(f"{target}: {SECONDS} s, left the actor, right the partner")


if __name__ == "__main__":
    main()
