"""Batches shrink with the memory that there is."""

from __future__ import annotations

import pytest
import torch

from a2p_backend.avatar.codec import render
from a2p_backend.avatar.codec.memory import free_memory

CPU = torch.device("cpu")


@pytest.mark.parametrize(("free", "faces"), [(0, 1), (1 << 30, 6), (64 << 30, 64)])
def test_faces_at_once(monkeypatch, free, faces):
    monkeypatch.setattr(render, "free_memory", lambda device: free)
    assert render.faces_at_once(CPU) == faces


def test_free_memory():
    assert free_memory(CPU) > 1 << 20
