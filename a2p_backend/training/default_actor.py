"""How the actor that the project ships was trained: the dataset, the sizes, the lengths of training, the
order.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from a2p_backend.actors.manifest import ActorDefaults, ActorManifest
from a2p_backend.audio.log_mel import LogMelConfig
from a2p_backend.motion.film_transformer import FiLMConfig
from a2p_backend.motion.guide_transformer import GuideConfig
from a2p_backend.motion.vq_codec import CodecConfig
from a2p_backend.training.body import BodyTraining, train_body
from a2p_backend.training.codec import CodecTraining, train_codec
from a2p_backend.training.corpus import Corpus
from a2p_backend.training.denoising import Lengths
from a2p_backend.training.face import FaceTraining, train_face
from a2p_backend.training.guide import GuideTraining, train_guide
from a2p_backend.training.loop import LoopConfig
from a2p_backend.training.synthetic import synthesise_dataset
from kinematics.face_codes import FACE_CODE_NAMES


@dataclass(frozen=True)
class Conversations:
    """A synthetic dataset."""

    scenes: int
    minutes: float
    seed: int


MOTION = Conversations(scenes=26, minutes=104.0, seed=2026)
"""What the statistics are measured on, and the face and the body are trained on."""
TALK = Conversations(scenes=150, minutes=600.0, seed=2027)
"""What the codec and the guide are trained on, to whom a minute is 60 poses and not 1800."""

DEFAULTS = ActorDefaults(face_guidance=1.25, body_guidance=1.0)

_AUDIO_WIDTH = 2 * (LogMelConfig().bands + 1)
_LONGEST = 600
_LENGTHS = Lengths(shortest=64, longest=_LONGEST, frames=1600)

CODEC = CodecTraining(
    network=CodecConfig(codes=128, width=64, depth=4, min_count=0.5),
    loop=LoopConfig(steps=2500, learning_rate=1e-3, average_decay=0.99, save_every=250),
    batch=64,
)
GUIDE = GuideTraining(
    network=GuideConfig(
        codes=128,
        width=64,
        layers=4,
        feed_forward=256,
        audio_width=_AUDIO_WIDTH,
        audio_channels=64,
        audio_layers=1,
        max_audio_steps=_LONGEST,
        dropout=0.0,
    ),
    loop=LoopConfig(steps=2400, learning_rate=2e-3, weight_decay=0.1, validate_every=200, save_every=100),
    batch=16,
    label_smoothing=0.02,
)
BODY = BodyTraining(
    network=FiLMConfig(
        104,
        width=136,
        layers=4,
        heads=4,
        feed_forward=256,
        audio_width=_AUDIO_WIDTH,
        guide_features=104,
        max_audio_steps=_LONGEST,
        dropout=0.0,
    ),
    loop=LoopConfig(steps=4300, learning_rate=1.5e-3, weight_decay=0.01, validate_every=500, save_every=250),
    lengths=_LENGTHS,
    velocity_weight=60.0,
    finger_weight=0.3,
)
FACE = FaceTraining(
    network=FiLMConfig(
        256,
        width=96,
        layers=3,
        heads=4,
        feed_forward=192,
        audio_width=_AUDIO_WIDTH,
        max_audio_steps=_LONGEST,
        dropout=0.0,
    ),
    loop=LoopConfig(steps=3000, learning_rate=1.5e-3, weight_decay=0.01, validate_every=500, save_every=250),
    lengths=_LENGTHS,
    velocity_weight=1.0,
)

Progress = Callable[[str, int, int, str], None]
"""Called with the stage, its steps done, its steps in all, and a line on how it goes."""


def train_default_actor(folder: Path, datasets: Path, on_progress: Progress | None = None) -> None:
    """Makes the default actor anew in `folder`, from synthetic datasets that are written to `datasets` first,
    where they take 10 GB.

    Takes about three hours on two processor cores. A call that was stopped goes on where it was when it is
    repeated; datasets that are there already are used as they are.
    """

    def reporter(stage: str) -> Callable[[int, int, str], None] | None:
        return (
            None if on_progress is None else lambda done, total, line: on_progress(stage, done, total, line)
        )

    motion, talk = datasets / "motion", datasets / "talk"
    for dataset, conversations in ((motion, MOTION), (talk, TALK)):
        if not any(dataset.glob("scene*")):
            synthesise_dataset(
                dataset, **dataclasses.asdict(conversations), on_progress=reporter(f"{dataset.name} dataset")
            )
    corpus = Corpus.load(motion)
    train_face(corpus, FACE, folder, reporter("face"))
    long = Corpus.load(talk, statistics=corpus.statistics)
    train_codec(long, CODEC, folder, reporter("codec"))
    train_guide(long, GUIDE, folder, reporter("guide"))
    train_body(corpus, BODY, folder, reporter("body"))
    sign(folder)


def sign(folder: Path) -> None:
    """Writes into the trained actor's manifest who it is and which guidance suits it."""
    manifest = ActorManifest.read(folder)
    manifest.model_copy(
        update={
            "name": "default",
            "title": "Default actor (synthetic)",
            "licence": "GPL-3.0-or-later",
            "face_codes": FACE_CODE_NAMES,
            "defaults": DEFAULTS,
        }
    ).write(folder)
