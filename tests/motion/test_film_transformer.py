from __future__ import annotations

import dataclasses

import pytest
import torch

from a2p_backend.motion.film_transformer import ClipTooLongError, FiLMConfig, FiLMTransformer

BODY = FiLMConfig(
    features=6,
    width=16,
    layers=2,
    heads=4,
    feed_forward=24,
    audio_width=10,
    guide_features=6,
    output_width=8,
    max_audio_steps=90,
    max_guides=3,
)
FACE = dataclasses.replace(BODY, guide_features=0, output_width=0, audio_layers=1)
FRAMES, CLIPS = 61, 2


def build(config: FiLMConfig) -> FiLMTransformer:
    torch.manual_seed(0)
    return FiLMTransformer(config).eval()


def clips(config: FiLMConfig) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor | None]:
    """Noisy motion, steps, audio features, guide poses."""
    random = torch.Generator().manual_seed(1)
    x = torch.randn(CLIPS, FRAMES, config.features, generator=random)
    audio = torch.randn(CLIPS, FRAMES, config.audio_width, generator=random)
    guide = torch.randn(CLIPS, 3, config.guide_features, generator=random) if config.guide_features else None
    return x, torch.tensor([990, 10]), audio, guide


@pytest.mark.parametrize("config", [BODY, FACE], ids=["body", "face"])
@pytest.mark.parametrize("steps", [[990, 10], [10, 10]], ids=["own steps", "one step"])
@torch.no_grad()
def test_guidance_in_one_call_is_two_calls(config: FiLMConfig, steps: list[int]) -> None:
    network = build(config)
    x, earlier, audio, guide = clips(config)
    at = torch.tensor(steps)
    conditions = network.conditions(audio, guide)
    everything = torch.ones(CLIPS, dtype=torch.bool)
    dropped = network.conditions(audio, guide, drop_audio=everything, drop_guide=everything)
    conditioned, null = network(x, at, network.conditions(audio, guide)), network(x, at, dropped)
    assert not torch.allclose(conditioned, null, atol=1e-3)
    network.guided(x, earlier, conditions, 3.0)  # conditions can be used again, at any step
    torch.testing.assert_close(network.guided(x, at, conditions, 3.0), null + 3.0 * (conditioned - null))


@torch.no_grad()
def test_lower_precision_is_near_and_keeps_single_precision_outside() -> None:
    network = build(BODY)
    x, steps, audio, guide = clips(BODY)
    exact = network.guided(x, steps, network.conditions(audio, guide), 2.0)
    network.arithmetic = torch.bfloat16
    near = network.guided(x, steps, network.conditions(audio, guide), 2.0)
    assert near.dtype == torch.float32
    assert 0 < (near - exact).square().mean().sqrt() < 0.02 * exact.std()


@torch.no_grad()
def test_samples_of_a_batch_drop_their_conditions_apart() -> None:
    network = build(BODY)
    x, steps, audio, guide = clips(BODY)
    yes, no = torch.tensor([True]), torch.tensor([False])
    mixed = network.conditions(audio, guide, drop_audio=torch.cat([yes, no]), drop_guide=torch.cat([no, yes]))
    together = network(x, steps, mixed)
    for sample, (drop_audio, drop_guide) in enumerate([(yes, no), (no, yes)]):
        one = slice(sample, sample + 1)
        alone = network.conditions(audio[one], guide[one], drop_audio=drop_audio, drop_guide=drop_guide)
        torch.testing.assert_close(together[one], network(x[one], steps[one], alone))


@torch.no_grad()
def test_guide_poses_past_the_end_of_a_clip_do_not_matter() -> None:
    network = build(BODY)
    x, steps, audio, guide = clips(BODY)
    within_clip = torch.arange(FRAMES).expand(CLIPS, -1) < 60
    other = guide.clone()
    other[:, 2] += 1.0
    motions = [
        network(x, steps, network.conditions(audio, poses, within_clip=within_clip))
        for poses in (guide, other)
    ]
    torch.testing.assert_close(motions[0], motions[1])


def test_every_weight_learns_when_conditions_are_dropped() -> None:
    network = build(BODY).train()
    x, steps, audio, guide = clips(BODY)
    some = torch.tensor([True, False])
    conditions = network.conditions(audio, guide, drop_audio=some, drop_guide=some)
    network(x, steps, conditions).square().mean().backward()
    assert [name for name, weight in network.named_parameters() if weight.grad is None] == []


def test_a_clip_longer_than_the_null_condition_is_refused() -> None:
    network = build(FACE)
    with pytest.raises(ClipTooLongError, match="91 audio steps"):
        network.conditions(torch.zeros(1, 91, FACE.audio_width))
