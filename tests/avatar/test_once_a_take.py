"""What a plate's parts share of a take."""

from __future__ import annotations

import gc
from unittest.mock import Mock

import numpy as np

from a2p_backend.avatar.once_a_take import OnceATake
from a2p_backend.wire.performance import Performance


def test_a_take_is_looked_at_once_and_then_forgotten():
    pose = np.zeros((2, 104), np.float32)
    take, other = (Performance(pose, np.zeros((2, 256), np.float32), pose[:1], "a", 0, "", "") for _ in "ab")
    find = Mock(side_effect=[1, 2])
    once = OnceATake(find)
    assert [once(take), once(take), once(other), once(take)] == [1, 1, 2, 1]
    find.reset_mock()  # which remembers what it was called with
    del take
    gc.collect()
    assert list(once._found) == [other]
