"""One clip in, one Performance out: the generation stack in its order.

    audio -> features -> guide transformer -> codec -> guide poses -> body denoiser -> pose
                    \\----------------------- (lips) -> face denoiser -> face

The networks see at most 20 s at a time. A longer clip is covered by overlapping windows: the guide continues
from the codes of the window before, and the denoisers' windows are denoised together
(`a2p_backend.motion.windows`). An edit holds parts of an earlier performance in place while the rest is made
anew (`a2p_backend.motion.held`). Recordings of hours are performed in pieces (`a2p_backend.pieces`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import a2p_backend
from a2p_backend.actors.actor import Actor
from a2p_backend.audio.clip import SAMPLES_PER_FRAME, Clip
from a2p_backend.audio.loudness import loudness_at
from a2p_backend.motion.diffusion import FULL_STEPS, Diffusion, spacing_for
from a2p_backend.motion.film_transformer import FiLMTransformer
from a2p_backend.motion.guide_writer import GuideWriter
from a2p_backend.motion.held import Held
from a2p_backend.motion.precision import arithmetic, computing_in, lip_arithmetic
from a2p_backend.motion.sampler import sample
from a2p_backend.motion.windowed import unrounded, windowed_denoiser
from a2p_backend.motion.windows import GUIDE_INTERVAL, Window, lay_in_pauses
from a2p_backend.wire.edit import FACE, UNEDITED, Edit, FrameRange, frames_in, is_given
from a2p_backend.wire.performance import FACE_SIZE, FPS, POSE_SIZE, Performance
from a2p_backend.wire.progress import IsCancelled, OnProgress, Progress, raise_if
from a2p_backend.wire.settings import GenerateSettings

PAUSE = 16
"""Frames that have to be quiet for windows to meet in their middle."""

SHORTEST = 2 * FPS
"""Frames that the networks need at least; a shorter clip is performed with silence after it, then cut."""

FloatArray = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Opening:
    """How a piece of a longer clip begins: with whole seconds that were performed already, and stay.

    pose (n, 104), face (n, 256), guide (n / 30, 104), as in a Performance; the guide has no rows for an actor
    without one. piece: a number of its own, by which it draws other noise than the pieces before it.
    """

    pose: FloatArray
    face: FloatArray
    guide: FloatArray
    piece: int


LayWindows = Callable[[int, NDArray[np.float64]], tuple[Window, ...]]
"""Covers so many frames with windows, knowing `loudness_of` them."""


def perform(
    clip: Clip,
    actor: Actor,
    settings: GenerateSettings,
    edit: Edit = UNEDITED,
    on_progress: OnProgress = lambda progress: None,
    cancelled: IsCancelled = lambda: False,
    lay: LayWindows = lay_in_pauses,
    opening: Opening | None = None,
) -> Performance:
    """Performs a clip: the same clip, actor, settings and edit give the same motion on one machine.

    What the actor has no networks for stays at rest (the mean pose, an expressionless face), with a warning.

    Args:
        clip: 48 kHz, the actor on channel 0 and the partner on channel 1.
        edit: what stays of an earlier performance, and guide poses that are given.
        on_progress: hears of the stages audio, guide, body and face.
        cancelled: asked before every step of a denoiser and between the stages.
        lay: covers the clip with windows.
        opening: what the clip's first frames were performed as before.

    Raises:
        EditError: the edit does not fit the clip or the actor.
        Cancelled: `cancelled()` said so.
    """
    settings = settings.resolved(actor.manifest.defaults.face_guidance, actor.manifest.defaults.body_guidance)
    edit.check_fits(clip.frame_count, actor.name)
    job = _Job(clip, actor, settings, edit, on_progress, cancelled, lay, opening)
    heard = job.listen()
    statistics = actor.statistics
    warnings, missing = list(clip.warnings), []

    if actor.performs_body:
        pose = job.body(heard)
        guide = statistics.denormalise_pose(heard.guide[0, : job.seconds].cpu().numpy())
    else:
        pose = np.tile(statistics.pose_mean.astype(np.float32), (clip.frame_count, 1))
        guide = np.zeros((0, POSE_SIZE))
        warnings.append(f"The actor {actor.name} has no networks for the body: it keeps its mean pose.")
        missing.append("body")
    if actor.performs_face:
        face = job.face(heard)
    else:
        face = np.tile(statistics.face_mean.astype(np.float32), (clip.frame_count, 1))
        warnings.append(f"The actor {actor.name} has no network for the face: it stays at rest.")
        missing.append(FACE)

    return Performance(
        pose=pose,
        face=face,
        guide=guide.astype(np.float32),
        actor=actor.name,
        seed=settings.seed,
        clip_name=clip.name,
        clip_sha256=clip.sha256,
        settings=settings.to_dict(),
        warnings=tuple(warnings),
        edit=edit.to_dict(),
        missing=tuple(missing),
        versions={"a2p": a2p_backend.__version__, "torch": str(torch.__version__)},
    )


def loudness_of(clip: Clip, frames: int) -> NDArray[np.float64]:
    """(ceil(frames / 30) + 1,): how loud the actor is around each guide pose's place among so many frames."""
    every, reach = GUIDE_INTERVAL * SAMPLES_PER_FRAME, PAUSE * SAMPLES_PER_FRAME // 2
    return loudness_at(clip.samples, every, reach, -(-frames // GUIDE_INTERVAL) + 1)


@dataclass(frozen=True, eq=False)
class _Heard:
    """A clip as the denoisers know it: each window's audio tokens (1, L, width), and the guide poses."""

    windows: tuple[Window, ...]
    body: tuple[Tensor, ...]
    face: tuple[Tensor, ...]
    guide: Tensor
    """(1, K, 104), normalised; K is 0 where the actor has no guide."""


@dataclass(frozen=True, eq=False)
class _Job:
    """A clip being performed."""

    clip: Clip
    actor: Actor
    settings: GenerateSettings
    edit: Edit
    on_progress: OnProgress
    cancelled: IsCancelled
    lay: LayWindows
    opening: Opening | None

    @property
    def seconds(self) -> int:
        """Guide poses of the clip."""
        return -(-self.clip.frame_count // FPS)

    @property
    def frames(self) -> int:
        """Frames to be made, some of them past the end of a very short clip."""
        return max(self.clip.frame_count, SHORTEST)

    @torch.inference_mode()
    def listen(self) -> _Heard:
        """Hears the clip window by window and writes its guide poses; nothing larger than tokens is kept."""
        actor, windows = self.actor, self.lay(self.frames, loudness_of(self.clip, self.frames))
        given = self._on_device(self._given_guide())
        lip_products = lip_arithmetic(self.settings.solver.precision, actor.device)
        writer = None
        if actor.performs_body:
            assert actor.guide is not None
            assert actor.codec is not None
            writer = GuideWriter(
                actor.guide, actor.codec, given, self.settings.top_p, self._generator("guide")
            )
        body, face = [], []
        for done, window in enumerate(windows):
            raise_if(self.cancelled)
            self.on_progress(Progress("audio", done, len(windows)))
            audio = self._on_device(actor.statistics.normalise_audio(self._samples(window)))[None]
            features = actor.hear(audio)
            if actor.face is not None:
                face.append(actor.face.audio_tokens(actor.hear_face(audio, features, lip_products)))
            if writer is not None and actor.denoiser is not None:
                body.append(actor.denoiser.audio_tokens(features))
                self.on_progress(Progress("guide", done, len(windows)))
                writer.extend(window, features)
        self.on_progress(Progress("audio", len(windows), len(windows)))
        if writer is None:
            return _Heard(windows, (), tuple(face), given[None, :0])
        self.on_progress(Progress("guide", len(windows), len(windows)))
        guide = writer.poses()
        if (start := self._start("body")) is not None:
            poses = self._on_device(actor.statistics.normalise_pose(self._padded(start.pose)[::FPS]))
            guide = torch.where(self._on_device(self.edit.kept_parameters), poses, guide)
        return _Heard(windows, tuple(body), tuple(face), guide)

    def body(self, heard: _Heard) -> FloatArray:
        """Pose (T, 104)."""
        statistics, start, opening = self.actor.statistics, self._start("body"), self.opening
        held = self._held(
            None if start is None else statistics.normalise_pose(self._padded(start.pose)),
            None if opening is None else statistics.normalise_pose(opening.pose),
            self.edit.locked_pose,
            self.edit.kept_parameters,
        )
        motion = self._denoise("body", self.actor.denoiser, heard, held)
        return statistics.denormalise_pose(motion).astype(np.float32)

    def face(self, heard: _Heard) -> FloatArray:
        """Expression codes (T, 256)."""
        statistics, start, opening = self.actor.statistics, self._start(FACE), self.opening
        held = self._held(
            None if start is None else statistics.normalise_face(self._padded(start.face)),
            None if opening is None else statistics.normalise_face(opening.face),
            self.edit.locked_face,
            np.full(FACE_SIZE, FACE in self.edit.kept),
        )
        motion = self._denoise("face", self.actor.face, heard, held)
        return statistics.denormalise_face(motion).astype(np.float32)

    @torch.inference_mode()
    def _denoise(
        self,
        stage: Literal["body", "face"],
        network: FiLMTransformer | None,
        heard: _Heard,
        held: Held | None,
    ) -> FloatArray:
        """Normalised motion (T, features) that a denoiser makes of noise, around what is held."""
        assert network is not None
        if held is not None and held.columns.all():
            return held.motion[: self.clip.frame_count].cpu().numpy()
        tokens, guide, scale = (
            (heard.body, heard.guide, self.settings.body_guidance)
            if stage == "body"
            else (heard.face, None, self.settings.face_guidance)
        )
        assert scale is not None
        solver = self.settings.solver
        diffusion = Diffusion.create(spacing_for(solver.steps, solver.order))
        initial, skip = None, 0
        if held is not None and self._start(stage) is not None:
            skip = int((diffusion.steps > self.edit.strength * (FULL_STEPS - 1)).sum())
            initial = held.motion[None] if skip else None
        noise = torch.randn(1, self.frames, network.config.features, generator=self._generator(stage))
        products = arithmetic(solver.precision, self.actor.device)
        windowed = partial(windowed_denoiser, network, heard.windows, tokens, guide, scale, self.cancelled)
        with computing_in(network, products):
            denoise = last = windowed()
            if products is not torch.float32:
                last = unrounded(network, partial(windowed, budget=0))
            motion = sample(
                denoise if held is None else held.within(denoise),
                noise.to(self.actor.device),
                diffusion,
                order=solver.order,
                last=last if held is None else held.within(last),
                initial=initial,
                skip=skip,
                on_step=lambda state: self.on_progress(Progress(stage, state.done, state.total)),
                cancelled=self.cancelled,
            )
        return motion[0, : self.clip.frame_count].cpu().numpy()

    def _start(self, part: str) -> Performance | None:
        """The performance that the body or the face starts from, if it has any."""
        start = self.edit.start
        return None if start is None or part in start.missing else start

    def _given_guide(self) -> FloatArray:
        """Normalised guide poses (K, 104) that are settled before the guide begins, NaN where it is free."""
        edit, start = self.edit, self._start("body")
        given = np.full((-(-self.frames // FPS), POSE_SIZE), np.nan, np.float32)
        if start is not None:
            if edit.strength < 1 and len(start.guide) == self.seconds:
                given[: self.seconds] = start.guide
            locked = np.flatnonzero(frames_in(edit.locked_pose, self.clip.frame_count)[::FPS])
            given[locked] = start.pose[FPS * locked]
        if edit.guide is not None:
            rows = np.flatnonzero(is_given(edit.guide))
            given[rows] = edit.guide[rows]
        if self.opening is not None:
            given[: len(self.opening.guide)] = self.opening.guide
        return self.actor.statistics.normalise_pose(given)

    def _held(
        self,
        start: FloatArray | None,
        opening: FloatArray | None,
        locked: tuple[FrameRange, ...],
        kept: NDArray[np.bool_],
    ) -> Held | None:
        """What stays of normalised motions: of the one that the clip starts from, and of its opening."""
        frames, motion = frames_in(locked, self.frames), start
        if opening is not None:
            motion = np.zeros((self.frames, opening.shape[1]), np.float32) if start is None else start
            motion[: len(opening)], frames[: len(opening)] = opening, True
        if motion is None:
            return None
        return Held(self._on_device(motion), self._on_device(frames), self._on_device(kept))

    def _samples(self, window: Window) -> FloatArray:
        """The window's sound (1600 T, 2), silent past the end of the clip."""
        first, end = window.start * SAMPLES_PER_FRAME, window.stop * SAMPLES_PER_FRAME
        samples = self.clip.samples[first:end]
        return np.pad(samples, ((0, end - first - len(samples)), (0, 0)))

    def _padded(self, motion: FloatArray) -> FloatArray:
        """Motion (T, C) whose last frame is repeated as far as frames are made."""
        return np.pad(motion, ((0, self.frames - len(motion)), (0, 0)), mode="edge")

    def _on_device(self, array: NDArray[Any]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.actor.device)

    def _generator(self, stage: str) -> torch.Generator:
        """Each stage, each of two people and each piece of a long clip draws from a stream of its own: a
        change to one leaves the others' noise as it is.
        """
        stream = stage if self.settings.speaker == "left" else f"{stage} {self.settings.speaker}"
        if self.opening is not None:
            stream += f" {self.opening.piece}"
        entropy = [self.settings.seed, *stream.encode()]
        (state,) = np.random.SeedSequence(entropy).generate_state(1, np.uint64)
        return torch.Generator().manual_seed(int(state) >> 1)
