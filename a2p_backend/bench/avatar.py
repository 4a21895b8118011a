"""How long a frame of a codec avatar takes here, beside what the original takes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from a2p_backend.avatar.choice import choose_rasteriser
from a2p_backend.avatar.codec.bench import AvatarBench, bench_avatar
from a2p_backend.avatar.codec.config import AvatarConfig
from a2p_backend.avatar.codec.stand_in import stand_in, stand_in_cameras

ORIGINAL_SECONDS = 4.8
"""Of the original: a frame of both views, not rasterised, on an idle 2-core AMD EPYC, torch 2.11 in fp32."""
ORIGINAL_RASTERISE_SECONDS = 114.0
"""Of PyTorch3D's rasteriser there, both views at 2048 x 1334."""
_POSE_SCALE = 0.1
"""Radians and decimetres about the rest pose."""


@dataclass(frozen=True)
class AvatarReport:
    """Seconds are for one frame of both views; times faster: than the original on the machine above."""

    measured: AvatarBench
    frame_seconds: float
    """Everything but the encoding, which goes on beside it."""
    original_seconds: float
    original_rasterise_seconds: float
    times_faster: float
    """Without rasterising."""
    times_faster_rasterising: float


RELEASED_SIZES = AvatarConfig(pose_to_shadow=True)


def measure_avatar(
    frames: int, device: torch.device, rasteriser: str = "auto", config: AvatarConfig = RELEASED_SIZES
) -> AvatarReport:
    """Draws an avatar of the released sizes with made-up weights, for its two cameras.

    frames: how many are timed. config: other sizes, of which the original's figures are not.
    Raises RasteriserError where there is nothing to draw with.
    """
    random = np.random.default_rng(0)
    pose = (_POSE_SCALE * random.standard_normal((frames + 1, config.pose))).astype(np.float32)
    face = random.standard_normal((frames + 1, config.face_code)).astype(np.float32)
    avatar = stand_in(config).to(device)
    with choose_rasteriser(rasteriser) as chosen:
        measured = bench_avatar(avatar, stand_in_cameras(config), chosen, pose, face)
    return AvatarReport(
        measured=measured,
        frame_seconds=math.fsum((measured.seconds, measured.rasterise_seconds, measured.shade_seconds)),
        original_seconds=ORIGINAL_SECONDS,
        original_rasterise_seconds=ORIGINAL_RASTERISE_SECONDS,
        times_faster=ORIGINAL_SECONDS / (measured.seconds + measured.shade_seconds),
        times_faster_rasterising=ORIGINAL_RASTERISE_SECONDS / measured.rasterise_seconds,
    )
