from __future__ import annotations

import torch

from a2p_backend.motion.diffusion import Diffusion, spacing_for
from a2p_backend.motion.held import FADE, Held
from a2p_backend.motion.sampler import sample

FRAMES = 120
TIME = torch.arange(FRAMES, dtype=torch.float32)[:, None] / 30
KEPT = torch.cat([TIME.sin(), 1 + TIME.cos()], dim=1)
OTHER = torch.cat([(2 * TIME).cos(), -1 - 0.5 * TIME], dim=1)[None]


def _held(first: int = 0, end: int = 0, column: int | None = None) -> Held:
    frames, columns = torch.zeros(FRAMES, dtype=torch.bool), torch.zeros(2, dtype=torch.bool)
    frames[first:end] = True
    if column is not None:
        columns[column] = True
    return Held(KEPT, frames, columns)


def test_a_locked_range_is_met_in_position_and_velocity():
    motion = _held(50, 70).put_into(OTHER)[0]
    assert torch.equal(motion[50:70], KEPT[50:70])
    smooth = max(KEPT.diff(n=2, dim=0).abs().max(), OTHER.diff(n=2, dim=1).abs().max())
    turn = 8 / FADE**2 * (OTHER[0] - KEPT).abs().max()  # what bending by this much over FADE frames costs
    assert motion.diff(n=2, dim=0).abs().max() < smooth + turn
    assert torch.equal(motion[: 50 - FADE], OTHER[0, : 50 - FADE])
    assert torch.equal(motion[70 + FADE :], OTHER[0, 70 + FADE :])


def test_locks_closer_than_the_fade_and_of_one_frame_are_met():
    frames = torch.zeros(FRAMES, dtype=torch.bool)
    frames[[0, 30, 34, 119]] = True
    motion = Held(KEPT, frames, torch.zeros(2, dtype=torch.bool)).put_into(OTHER)[0]
    assert torch.equal(motion[frames], KEPT[frames])
    reach = (KEPT[34] - KEPT[30]).abs() + 0.1
    assert ((motion[31:34] - KEPT[30]).abs() < reach).all()


def test_a_held_column_leaves_the_others_free():
    motion = _held(column=1).put_into(OTHER)[0]
    assert torch.equal(motion[:, 1], KEPT[:, 1])
    assert torch.equal(motion[:, 0], OTHER[0, :, 0])


def test_the_network_meets_what_is_held_as_noisy_as_the_rest():
    """Otherwise it would see a seam at the edges that no motion has."""
    held, noise = _held(50, 70), torch.randn(1, FRAMES, 2, generator=torch.Generator().manual_seed(0))
    diffusion = Diffusion.create(spacing_for(12, order=2))
    whole = Diffusion.create()
    met = []

    def denoise(x, step):
        index = whole.alpha_bar[int(step)]
        met.append((x[0, 50:70] - index**0.5 * KEPT[50:70]) / (1 - index) ** 0.5)
        return OTHER

    motion = sample(held.within(denoise), noise, diffusion, order=2)
    assert torch.equal(motion[0, 50:70], KEPT[50:70])
    assert all(torch.allclose(found, noise[0, 50:70], atol=1e-3) for found in met)
