from __future__ import annotations

import pytest
import torch

from a2p_backend.motion.guide_transformer import GuideAudioError, GuideConfig, GuideTransformer

CONFIG = GuideConfig(
    codes=20,
    depth=2,
    width=16,
    layers=2,
    heads=2,
    feed_forward=24,
    audio_width=6,
    audio_channels=8,
    audio_layers=1,
)


@pytest.fixture
def guide() -> GuideTransformer:
    torch.manual_seed(3)
    network = GuideTransformer(CONFIG).eval()
    network.final_layer.weight.data *= 3  # so that what is likely changes from code to code
    return network


@pytest.fixture
def features() -> torch.Tensor:
    return torch.randn(2, 120, CONFIG.audio_width, generator=torch.Generator().manual_seed(1))


def written_without_cache(guide: GuideTransformer, features: torch.Tensor, seconds: int) -> torch.Tensor:
    tokens = torch.full((len(features), 1), CONFIG.start)
    for _ in range(seconds * CONFIG.depth):
        best = guide.logits(tokens, features)[:, -1].argmax(-1, keepdim=True)
        tokens = torch.cat([tokens, best], dim=1)
    return tokens[:, 1:].unflatten(1, (-1, CONFIG.depth))


@torch.no_grad()
def test_kept_keys_and_values_write_the_same_codes(guide: GuideTransformer, features: torch.Tensor) -> None:
    expected = written_without_cache(guide, features, seconds=5)
    assert len(expected.unique()) > 3
    assert torch.equal(guide.sample(features, 5, top_p=0.0), expected)
    assert torch.equal(guide.sample(features, 5, top_p=0.0, prefix=expected[:, :2]), expected)


def test_a_seed_decides_the_codes(guide: GuideTransformer, features: torch.Tensor) -> None:
    first, second, other = (
        guide.sample(features, 4, torch.Generator().manual_seed(seed), top_p=0.97) for seed in (3, 3, 4)
    )
    assert first.shape == (2, 4, CONFIG.depth)
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


@torch.no_grad()
def test_settled_seconds_come_back(guide: GuideTransformer, features: torch.Tensor) -> None:
    prefix = torch.randint(CONFIG.codes, (2, 3, CONFIG.depth), generator=torch.Generator().manual_seed(5))
    assert torch.equal(guide.sample(features, 3, prefix=prefix), prefix)
    assert torch.equal(guide.sample(features, 2, prefix=prefix), prefix[:, :2])
    assert torch.equal(guide.sample(features, 4, prefix=prefix)[:, :3], prefix)


def test_dropped_samples_do_not_hear(guide: GuideTransformer, features: torch.Tensor) -> None:
    tokens = torch.full((2, 1), CONFIG.start)
    dropped = torch.tensor([True, False])
    changed = guide.logits(tokens, features, dropped) != guide.logits(tokens, features + 1, dropped)
    assert changed.any(-1).flatten().tolist() == [False, True]


def test_one_second_is_enough_and_less_than_the_convolutions_need_is_refused(guide: GuideTransformer) -> None:
    assert guide.sample(torch.zeros(1, 30, CONFIG.audio_width), 1).shape == (1, 1, CONFIG.depth)
    with pytest.raises(GuideAudioError, match="more than 24"):
        guide.conditions(torch.zeros(1, 24, CONFIG.audio_width))


def test_audio_convolutions_may_be_left_out() -> None:
    config = GuideConfig(audio_width=6, audio_channels=8, audio_layers=0, codes=20, layers=1)
    network = GuideTransformer(config).eval()
    assert GuideConfig.audio_layers_of(network.state_dict()) == 0
    assert network.sample(torch.zeros(1, 5, 6), 1).shape == (1, 1, 4)
