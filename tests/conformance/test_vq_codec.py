"""The codec of guide poses: `vq.npz`."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from a2p_backend.motion.vq_codec import perplexity

from . import networks
from .goldens import Golden

VQ = r"vq.*"
TOLERANCE = 1e-5
CLEAR_MARGIN = 1e-3
"""Gap of squared distances from the nearest entry to the next over which rounding cannot change the code."""


@pytest.mark.golden(VQ, r"(?P<case>\w+)_enc")
def test_latents(golden: Golden) -> None:
    golden.check(networks.codec().latents(_poses(golden)), atol=TOLERANCE)


@pytest.mark.golden(VQ, r"(?P<case>(?!rand)\w+)_codes")
def test_codes(golden: Golden) -> None:
    ours = networks.codec().encode(_poses(golden)).numpy()
    margin = golden.arrays.get(f"{golden.groups['case']}_margin", np.full(ours.shape, np.inf))
    # A level quantises what the ones before it left: an unclear code makes those after it unclear too.
    clear = np.minimum.accumulate(margin, axis=-1) > CLEAR_MARGIN
    assert clear.any()
    np.testing.assert_array_equal(ours[clear], golden.values[clear])


@pytest.mark.golden(VQ, r"(?P<case>\w+)_decode")
def test_decode(golden: Golden) -> None:
    codes = torch.from_numpy(golden.require(f"{golden.groups['case']}_codes"))
    golden.check(networks.codec().decode(codes), atol=TOLERANCE)


@pytest.mark.golden(VQ, r"(?P<case>\w+)_forward(?P<what>_loss|_perplexity|)")
def test_forward(golden: Golden) -> None:
    case = golden.groups["case"]
    output = networks.codec()(_poses(golden))
    codes = golden.arrays.get(f"{case}_codes")
    if codes is not None and not np.array_equal(codes, output.codes.numpy()):
        pytest.skip("a code that is within rounding of another differs")
    match golden.groups["what"]:
        case "_perplexity":
            ours = perplexity(output.codes[..., -1], networks.codec().config.codes)
            golden.check(ours, atol=0.0, rtol=TOLERANCE)
        case "_loss":
            assert golden.values == 0, "outside training the original reports no commitment loss"
        case _:
            golden.check(output.reconstruction, atol=TOLERANCE)


def _poses(golden: Golden) -> torch.Tensor:
    return torch.from_numpy(golden.require(f"{golden.groups['case']}_x"))
