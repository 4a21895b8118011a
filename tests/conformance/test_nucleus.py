from __future__ import annotations

import numpy as np
import pytest
import torch

from a2p_backend.motion.nucleus import nucleus


@pytest.mark.golden("nucleus.*", r"kept_top_p_(?P<top_p>[\d.]+)")
def test_kept_probabilities(golden):
    top_p = golden.groups["top_p"]
    ours = nucleus(torch.from_numpy(golden.require("logits")), float(top_p)).numpy()
    # A cumulative sum within rounding of top_p may fall on either side of it.
    gap = golden.arrays.get(f"cutoff_gap_top_p_{top_p}", np.full(len(ours), np.inf))
    clear = gap > 3e-6
    np.testing.assert_array_equal(ours[clear] > 0, golden.values[clear] > 0)
    np.testing.assert_allclose(ours[clear], golden.values[clear], atol=1e-6, rtol=0)
