from __future__ import annotations

import torch
from torch.nn import functional

from a2p_backend.motion.vq_codec import CodecConfig, VQCodec, perplexity

CONFIG = CodecConfig(features=6, width=8, codes=16, depth=2, decay=0.8, min_count=0.5)


def poses() -> torch.Tensor:
    """Slow curves (B, K, features) of a few dimensions, as poses are."""
    random = torch.Generator().manual_seed(1)
    phase = torch.randn(8, 1, 2, generator=random) + torch.arange(20)[:, None] / 5
    return torch.sin(phase) @ torch.randn(2, CONFIG.features, generator=random)


def trained(seed: int, steps: int = 40) -> tuple[VQCodec, list[float]]:
    torch.manual_seed(0)
    codec = VQCodec(CONFIG).train()
    optimizer = torch.optim.AdamW(codec.parameters(), lr=1e-2)
    random = torch.Generator().manual_seed(seed)
    losses = []
    for _ in range(steps):
        output = codec(poses(), random)
        loss = functional.smooth_l1_loss(output.reconstruction, poses()) + 0.02 * output.commitment
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return codec.eval(), losses


def test_learns_and_uses_its_codes() -> None:
    codec, losses = trained(seed=2)
    assert losses[-1] < losses[0] / 2
    codes = codec.encode(poses())
    assert perplexity(codes[..., 0], CONFIG.codes) > 6
    torch.testing.assert_close(codec.decode(codes), codec(poses()).reconstruction)


def test_a_seed_decides_the_codebooks() -> None:
    (first, _), (second, _), (other, _) = trained(2, steps=2), trained(2, steps=2), trained(3, steps=2)
    embeds = [codec.state_dict()["quantizer.layers.0._codebook.embed"] for codec in (first, second, other)]
    assert torch.equal(embeds[0], embeds[1])
    assert not torch.equal(embeds[0], embeds[2])


def test_an_unused_entry_is_replaced_by_a_vector_of_the_batch() -> None:
    codec, _ = trained(2, steps=1)
    book = codec.quantizer.codebooks[0]
    book.embed[3] = 1e3
    book.embed_avg[3] = 0.0
    book.cluster_size[3] = 0.0
    latents = codec.latents(poses()).detach()
    book.update(latents, book.encode(latents), torch.Generator().manual_seed(4))
    assert (book.embed[3] == latents).all(-1).any()
    assert book.cluster_size[3] == CONFIG.min_count


def test_the_gradient_passes_straight_through() -> None:
    codec, _ = trained(2, steps=1)
    latents = codec.latents(poses()).detach().requires_grad_()
    quantised, _, _ = codec.quantizer(latents, None)
    quantised.sum().backward()
    assert torch.equal(latents.grad, torch.ones_like(latents))


def test_evaluation_changes_nothing() -> None:
    codec, _ = trained(2, steps=1)
    before = {key: value.clone() for key, value in codec.state_dict().items()}
    codec(poses())
    assert all(torch.equal(value, before[key]) for key, value in codec.state_dict().items())
