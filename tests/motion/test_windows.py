from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from a2p_backend.motion.diffusion import Diffusion
from a2p_backend.motion.sampler import sample
from a2p_backend.motion.windows import (
    Window,
    WindowBatch,
    edges,
    equal_batches,
    joint_denoiser,
    lay_in_pauses,
    lay_windows,
    window_weights,
)
from a2p_backend.wire.progress import Cancelled

DIFFUSION = Diffusion.create("ddim10")


def _noise(frames: int, batch: int = 1, features: int = 3) -> torch.Tensor:
    return torch.randn(batch, frames, features, generator=torch.Generator().manual_seed(1))


def _halved(x: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
    return 0.5 * x + 0.001 * step.view(-1, 1, 1)


@settings(deadline=None)
@given(
    frames=st.integers(1, 20_000),
    longest=st.sampled_from([120, 240, 600]),
    overlap=st.sampled_from([30, 60, 90]),
)
def test_windows_cover_the_clip_and_none_is_short(frames, longest, overlap):
    windows = lay_windows(frames, longest, overlap)
    if frames <= longest:
        assert windows == (Window(0, frames),)
        return
    assert (windows[0].start, windows[-1].stop) == (0, frames)
    for before, after in pairwise(windows):
        assert before.stop - after.start >= overlap
        assert before.start < after.start
    assert all(window.start % 30 == 0 for window in windows)
    assert max(window.length for window in windows) <= longest
    assert min(window.length for window in windows) >= (longest + overlap) / 2 - 60
    assert len({window.length for window in windows[:-1]}) == 1
    assert sum(window_weight.sum() for window_weight in window_weights(windows)) == pytest.approx(
        frames, rel=1e-4
    )


@settings(deadline=None)
@given(frames=st.integers(1, 20_000), seed=st.integers(0, 100), extra=st.sampled_from([0.06, 0.5]))
def test_windows_in_pauses_are_as_good_as_even_ones_and_meet_where_it_is_quieter(frames, seed, extra):
    loudness = np.random.default_rng(seed).random(-(-frames // 30) + 1)
    even, windows = lay_windows(frames), lay_in_pauses(frames, loudness, extra=extra)
    assert (windows[0].start, windows[-1].stop) == (0, frames)
    if frames <= 600:
        assert windows == even
        return
    for before, after in pairwise(windows):
        assert before.stop - after.start >= 120
    for before, after in zip(windows, windows[2:], strict=False):
        assert before.stop <= after.start
    assert all(window.start % 30 == 0 and 150 <= window.length <= 600 for window in windows)
    assert len({window.length for window in windows[:-1]}) == 1
    total = sum(window.length for window in windows)
    assert total <= (1 + extra) * sum(window.length for window in even)

    at_even, here = (loudness[[edge // 30 for edge in edges(laid)]].mean() for laid in (even, windows))
    assert here <= at_even


def test_windows_meet_in_the_pauses_of_speech():
    loudness = np.ones(111)
    loudness[::4] = 0.0  # a pause every four seconds
    frames = [edge for edge in edges(lay_in_pauses(3300, loudness)) if edge % 120]
    assert frames == []
    assert len([edge for edge in edges(lay_windows(3300)) if edge % 120]) > 3


def test_weights_add_up_to_one_and_have_no_step():
    windows = lay_windows(700, longest=240, overlap=90)
    total = torch.zeros(700)
    for window, weight in zip(windows, window_weights(windows), strict=True):
        whole = torch.zeros(700)
        whole[window.start : window.stop] = weight
        total += whole
        assert whole.diff().abs().max() < 0.02
    assert torch.allclose(total, torch.ones(700), atol=1e-6)


def test_windows_that_agree_give_the_whole_clip():
    """A denoiser that looks at one frame at a time says the same in every window."""
    windows = lay_windows(200, longest=90, overlap=30)
    batches = [WindowBatch(batch, _halved) for batch in equal_batches(windows, size=2)]
    noise = _noise(200, batch=2)
    joint = sample(joint_denoiser(batches), noise, DIFFUSION)
    assert torch.allclose(joint, sample(_halved, noise, DIFFUSION), atol=1e-5)


def test_windows_that_disagree_meet_without_a_seam():
    windows = lay_windows(200, longest=120, overlap=60)
    levels = [1.0, -1.0, 1.0][: len(windows)]
    batches = [
        WindowBatch((window,), lambda x, step, level=level: torch.full_like(x, level))
        for window, level in zip(windows, levels, strict=True)
    ]
    motion = sample(joint_denoiser(batches), _noise(200), DIFFUSION)
    assert motion[0, 0, 0] == 1.0
    assert motion.min() < -0.9
    # A cut would jump by 2; a cross-fade of 60 frames moves by at most 2 * (pi / 2) / 60 a frame.
    assert motion.diff(dim=1).abs().max() < 2 * (torch.pi / 2) / 60 + 1e-3


def test_a_batch_keeps_its_clips_apart():
    windows = lay_windows(200, longest=90, overlap=30)
    batches = [WindowBatch(batch, _halved) for batch in equal_batches(windows, size=3)]
    denoise = joint_denoiser(batches)
    noise = _noise(200, batch=2)
    step = torch.tensor([100, 900])
    assert torch.allclose(denoise(noise, step), _halved(noise, step), atol=1e-6)


def test_a_clip_of_one_window_takes_the_plain_path():
    batch = WindowBatch(lay_windows(600), _halved)
    assert joint_denoiser([batch]) is _halved


def test_equal_batches_hold_one_length():
    windows = [Window(0, 90), Window(60, 150), Window(120, 210), Window(180, 250)]
    assert [len(batch) for batch in equal_batches(windows, size=2)] == [2, 1, 1]


def test_cancelling_stops_between_windows():
    calls = []

    def denoise(x, step):
        calls.append(x.shape[1])
        return x

    batches = [WindowBatch((window,), denoise) for window in lay_windows(2000, longest=240, overlap=60)]
    with pytest.raises(Cancelled):
        sample(joint_denoiser(batches, cancelled=lambda: len(calls) >= 2), _noise(2000), DIFFUSION)
    assert len(calls) == 2
