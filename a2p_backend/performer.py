"""One clip in, one Performance out: the generation stack in its order.

    audio -> features -> guide transformer -> codec -> guide poses -> body denoiser -> pose
                    \\----------------------- (lips) -> face denoiser -> face

The networks see at most 20 s at a time. A longer clip is covered by overlapping windows: the guide continues
from the codes of the window before, and the denoisers' windows are denoised together
(`a2p_backend.motion.windows`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from a2p_backend.actors.actor import Actor
from a2p_backend.audio.clip import SAMPLES_PER_FRAME, Clip
from a2p_backend.motion.diffusion import Diffusion, spacing_for
from a2p_backend.motion.film_transformer import FiLMTransformer
from a2p_backend.motion.sampler import SamplerState, sample
from a2p_backend.motion.windows import Window, WindowBatch, equal_batches, joint_denoiser, lay_windows
from a2p_backend.wire.performance import FACE_SIZE, FPS, POSE_SIZE, Performance
from a2p_backend.wire.progress import IsCancelled, OnProgress, Progress, raise_if
from a2p_backend.wire.settings import GenerateSettings

SHORTEST = 2 * FPS
"""Frames that the networks need at least; a shorter clip is performed with silence after it, then cut."""

WINDOWS_AT_ONCE = 4
"""Windows of a long clip that go through a denoiser in one call: enough to keep a processor busy."""


def perform(
    clip: Clip,
    actor: Actor,
    settings: GenerateSettings,
    on_progress: OnProgress = lambda progress: None,
    cancelled: IsCancelled = lambda: False,
) -> Performance:
    """Performs a clip: the same clip, actor and settings give the same motion on one machine.

    What the actor has no networks for stays at rest (the mean pose, an expressionless face), with a warning.

    Args:
        clip: 48 kHz, the actor on channel 0 and the partner on channel 1.
        on_progress: hears of the stages audio, guide, body and face.
        cancelled: asked before every step of a denoiser and between the stages.

    Raises:
        Cancelled: `cancelled()` said so.
    """
    settings = settings.resolved(actor.manifest.defaults.face_guidance, actor.manifest.defaults.body_guidance)
    stage = _Stage(actor, settings, on_progress, cancelled)
    frames = clip.frame_count
    hearing, face_hearing = _hear(clip, actor, on_progress, cancelled)
    warnings = list(clip.warnings)

    pose = np.zeros((frames, POSE_SIZE), np.float32)
    guide = np.zeros((0, POSE_SIZE), np.float32)
    if actor.performs_body:
        guide_poses = stage.guide(hearing)
        pose = stage.denoise("body", actor.denoiser, hearing, guide_poses)[:frames]
        guide = guide_poses[0].cpu().numpy()[: -(-frames // FPS)]
    else:
        warnings.append(f"The actor {actor.name} has no networks for the body: it keeps its mean pose.")

    face = np.zeros((frames, FACE_SIZE), np.float32)
    if actor.performs_face:
        face = stage.denoise("face", actor.face, face_hearing)[:frames]
    else:
        warnings.append(f"The actor {actor.name} has no network for the face: it stays at rest.")

    return Performance(
        pose=actor.statistics.denormalise_pose(pose).astype(np.float32),
        face=actor.statistics.denormalise_face(face).astype(np.float32),
        guide=actor.statistics.denormalise_pose(guide).astype(np.float32),
        actor=actor.name,
        seed=settings.seed,
        clip_name=clip.name,
        clip_sha256=clip.sha256,
        settings=settings.to_dict(),
        warnings=tuple(warnings),
    )


@dataclass(frozen=True)
class _Hearing:
    """The clip as the networks hear it: windows over its frames, and the audio features (1, L, C) of each."""

    windows: tuple[Window, ...]
    features: tuple[Tensor, ...]

    @property
    def frames(self) -> int:
        return self.windows[-1].stop

    def batches(self) -> list[tuple[tuple[Window, ...], Tensor]]:
        """Windows of one length and their features (W, L, C), a few at a time."""
        heard = dict(zip(self.windows, self.features, strict=True))
        return [
            (windows, torch.cat([heard[window] for window in windows]))
            for windows in equal_batches(self.windows, WINDOWS_AT_ONCE)
        ]


def _hear(
    clip: Clip, actor: Actor, on_progress: OnProgress, cancelled: IsCancelled
) -> tuple[_Hearing, _Hearing]:
    """Lays the windows and computes, once, what guide and body hear of each and what the face hears."""
    frames = max(clip.frame_count, SHORTEST)
    audio = np.zeros((frames * SAMPLES_PER_FRAME, 2), np.float32)
    audio[: len(clip.samples)] = clip.samples
    windows = lay_windows(frames)
    features, face_features = [], []
    for done, window in enumerate(windows):
        raise_if(cancelled)
        on_progress(Progress("audio", done, len(windows)))
        piece = audio[window.start * SAMPLES_PER_FRAME : window.stop * SAMPLES_PER_FRAME]
        normalised = torch.from_numpy(actor.statistics.normalise_audio(piece)).to(actor.device)[None]
        with torch.inference_mode():
            features.append(actor.hear(normalised))
            face_features.append(actor.hear_face(normalised, features[-1]))
    on_progress(Progress("audio", len(windows), len(windows)))
    return _Hearing(windows, tuple(features)), _Hearing(windows, tuple(face_features))


@dataclass(frozen=True)
class _Stage:
    """An actor at work under some settings; its methods are the stack's stages."""

    actor: Actor
    settings: GenerateSettings
    on_progress: OnProgress
    cancelled: IsCancelled

    @torch.inference_mode()
    def guide(self, hearing: _Hearing) -> Tensor:
        """Guide poses (1, K, 104), normalised, one a second."""
        network, codec = self.actor.guide, self.actor.codec
        assert network is not None
        assert codec is not None
        generator = self._generator("guide")
        codes = torch.zeros(1, 0, network.config.depth, dtype=torch.long, device=self.actor.device)
        for done, (window, features) in enumerate(zip(hearing.windows, hearing.features, strict=True)):
            raise_if(self.cancelled)
            self.on_progress(Progress("guide", done, len(hearing.windows)))
            settled = codes[:, window.start // FPS :]
            seconds = -(-window.length // FPS)
            sampled = network.sample(features, seconds, generator, self.settings.top_p, prefix=settled)
            codes = torch.cat([codes, sampled[:, settled.shape[1] :]], dim=1)
        self.on_progress(Progress("guide", len(hearing.windows), len(hearing.windows)))
        return codec.decode(codes)

    @torch.inference_mode()
    def denoise(
        self, stage: str, network: FiLMTransformer | None, hearing: _Hearing, guide: Tensor | None = None
    ) -> np.ndarray:
        """Normalised motion (T, features) that a denoiser makes of noise, under guidance."""
        assert network is not None
        scale = self.settings.face_guidance if stage == "face" else self.settings.body_guidance
        batches = []
        for windows, features in hearing.batches():
            raise_if(self.cancelled)
            conditions = network.conditions(features, _guide_of(windows, guide))
            batches.append(WindowBatch(windows, partial(network.guided, conditions=conditions, scale=scale)))
        shape = (1, hearing.frames, network.config.features)
        noise = torch.randn(shape, generator=self._generator(stage)).to(self.actor.device)
        solver = self.settings.solver
        diffusion = Diffusion.create(spacing_for(solver.steps, solver.order))

        def on_step(state: SamplerState) -> None:
            self.on_progress(Progress(stage, state.done, state.total))

        denoiser = joint_denoiser(batches, self.cancelled)
        motion = sample(
            denoiser, noise, diffusion, order=solver.order, on_step=on_step, cancelled=self.cancelled
        )
        return motion[0].cpu().numpy()

    def _generator(self, stage: str) -> torch.Generator:
        """Each stage draws from its own stream, so that a change to one leaves the others' noise as it is."""
        entropy = [self.settings.seed, *stage.encode()]
        (state,) = np.random.SeedSequence(entropy).generate_state(1, np.uint64)
        return torch.Generator().manual_seed(int(state) >> 1)


def _guide_of(windows: Sequence[Window], guide: Tensor | None) -> Tensor | None:
    """The guide poses (W, K, 104) that fall into windows of one length."""
    if guide is None:
        return None
    return torch.cat([guide[:, window.start // FPS : -(-window.stop // FPS)] for window in windows])
