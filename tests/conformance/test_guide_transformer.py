"""The guide: `guide_t*.npz`."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from . import networks
from .goldens import Golden
from .test_film_transformer import check_intermediate, recorded

GUIDE = r"guide_t\d+.*"
TOLERANCE = 5e-5
GREEDY_LAYERS = 2
"""The intermediate and greedy arrays belong to the guide with this many groups of audio convolutions."""


@pytest.mark.golden(GUIDE, r"logits_L(?P<layers>\d+)(?P<tags>(_uncond|_prefix\d+|_last_row)*)")
def test_logits(golden: Golden) -> None:
    tags = golden.groups["tags"]
    prefix = _prefix(golden)
    if "_last_row" not in tags and not golden.name.cuts:
        prefix = prefix[:, : golden.values.shape[1]]
    dropped = torch.ones(golden.batch, dtype=torch.bool) if "_uncond" in tags else None
    ours = networks.guide(int(golden.groups["layers"])).logits(prefix, _features(golden), dropped)
    golden.check(ours[:, -1] if "_last_row" in tags else ours, atol=TOLERANCE)


@pytest.mark.golden(GUIDE, r"mid_(?P<name>\w+)")
def test_intermediates(golden: Golden) -> None:
    network = networks.guide(GREEDY_LAYERS)
    with recorded(network) as inside:
        network.logits(_prefix(golden), _features(golden))
    inside["pre_audio"] = [part.transpose(1, 2) for part in inside["pre_audio"]]
    check_intermediate(golden, inside, TOLERANCE)


@pytest.mark.golden(GUIDE, "greedy_tokens")
def test_most_likely_codes(golden: Golden) -> None:
    """Written code by code, with the keys and values of the prefix kept; exact until two codes come close."""
    stored = golden.values
    network = networks.guide(GREEDY_LAYERS)
    seconds = -(-stored.shape[1] // network.config.depth)
    ours = network.sample(_features(golden), seconds, top_p=0.0).flatten(1)[:, : stored.shape[1]].numpy()
    margin = golden.arrays.get("greedy_margin", np.full(stored.shape, np.inf)).reshape(-1, stored.shape[1])
    clear = np.minimum.accumulate(margin, axis=1) > 2 * TOLERANCE
    clear = np.broadcast_to(clear, stored.shape)
    assert clear.any()
    np.testing.assert_array_equal(ours[clear], stored[clear])


@pytest.mark.golden(GUIDE, "greedy_margin")
def test_lead_of_the_most_likely_code(golden: Golden) -> None:
    tokens = torch.from_numpy(golden.require("greedy_tokens"))
    network = networks.guide(GREEDY_LAYERS)
    start = torch.full((len(tokens), 1), network.config.start)
    features = networks.audio_features(golden.inputs_path(), len(tokens))
    logits = network.logits(torch.cat([start, tokens[:, :-1]], dim=1), features)
    best, second = logits.topk(2).values.unbind(-1)
    golden.check((best - second).reshape(golden.values.shape), atol=2 * TOLERANCE)


def _prefix(golden: Golden) -> Tensor:
    return torch.from_numpy(golden.require("prefix")[: golden.batch])


def _features(golden: Golden) -> Tensor:
    return networks.audio_features(golden.inputs_path(), golden.batch)
