"""Weights that depend only on a tensor's name and shape: without a checkpoint, and the same everywhere."""

from __future__ import annotations

import math
import zlib

import numpy as np
import torch


def seeded_value(key: str, shape: tuple[int, ...]) -> np.ndarray | None:
    """The float32 value of the tensor called `key`; None where it stays as it was constructed."""
    if key.endswith("inited"):
        return np.ones(shape, np.float32)
    if key.endswith(("freqs", ".pe", ".kernel", "cluster_size", "embed_avg")):
        return None
    generator = np.random.default_rng(zlib.crc32(key.encode("utf-8")))
    normal = np.asarray(generator.standard_normal(shape)).astype(np.float32)
    if key.rsplit(".", 1)[-1] == "embed":
        return np.float32(0.5) * normal
    if normal.ndim >= 2:
        return normal / np.float32(math.sqrt(math.prod(shape[1:])))
    mean = 1.0 if normal.ndim == 1 and key.endswith(".weight") else 0.0
    return np.float32(mean) + np.float32(0.1) * normal


@torch.no_grad()
def seed_weights(module: torch.nn.Module, prefix: str = "") -> torch.nn.Module:
    """Fill every tensor of the module by its name; `prefix` is the module's place in the whole model.

    Returns the module in eval mode.
    """
    for key, tensor in module.state_dict().items():
        if tensor.is_floating_point():
            value = seeded_value(prefix + key, tuple(tensor.shape))
            if value is not None:
                tensor.copy_(torch.from_numpy(value))
    return module.eval()
