from __future__ import annotations

import numpy as np
import pytest
import torch

from a2p_backend.motion.nucleus import nucleus

from .goldens import Golden

# A cumulative sum that is this close to top_p may fall on either side of it.
ROUNDING = 3e-6


@pytest.mark.golden("nucleus.*", r"kept_top_p_(?P<top_p>[\d.]+)")
def test_kept_probabilities(golden: Golden) -> None:
    ours, clear = _kept(golden)
    np.testing.assert_array_equal(ours[clear] > 0, golden.values[clear] > 0)
    np.testing.assert_allclose(ours[clear], golden.values[clear], atol=1e-6, rtol=0)


@pytest.mark.golden("nucleus.*", r"n_kept_top_p_(?P<top_p>[\d.]+)")
def test_size_of_the_nucleus(golden: Golden) -> None:
    ours, clear = _kept(golden)
    np.testing.assert_array_equal((ours > 0).sum(-1)[clear], golden.values[clear])


def _kept(golden: Golden) -> tuple[np.ndarray, np.ndarray]:
    """Our probabilities for each row of logits, and which rows have no cumulative sum near top_p."""
    top_p = golden.groups["top_p"]
    ours = nucleus(torch.from_numpy(golden.require("logits")), float(top_p)).numpy()
    gap = golden.arrays.get(f"cutoff_gap_top_p_{top_p}", np.full(len(ours), np.inf))
    return ours, gap > ROUNDING
