from __future__ import annotations

import torch

from a2p_backend.motion.nucleus import nucleus, sample_nucleus


def test_the_entry_that_crosses_is_kept() -> None:
    logits = torch.tensor([[0.1, 0.5, 0.15, 0.25]]).log()
    torch.testing.assert_close(nucleus(logits, 0.6), torch.tensor([[0.0, 0.5, 0.0, 0.25]]) / 0.75)


def test_draws_stay_within_the_nucleus_and_follow_the_seed() -> None:
    logits = torch.tensor([0.1, 0.5, 0.15, 0.25]).log().expand(200, 4)
    draws = [sample_nucleus(logits, 0.6, torch.Generator().manual_seed(1)) for _ in range(2)]
    assert torch.equal(draws[0], draws[1])
    assert set(draws[0].tolist()) == {1, 3}
