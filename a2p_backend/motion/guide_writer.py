"""Writing the guide poses of a clip window by window, around those that are given.

The guide goes forward in time: a free pose heeds the poses before it, given ones included, and not those to
come.
"""

from __future__ import annotations

import torch
from torch import Tensor

from a2p_backend.motion.guide_transformer import GuideTransformer
from a2p_backend.motion.vq_codec import VQCodec
from a2p_backend.motion.windows import GUIDE_INTERVAL, Window


class GuideWriter:
    """Extends the guide poses of one clip with each window that it is shown, in order."""

    def __init__(
        self,
        network: GuideTransformer,
        codec: VQCodec,
        given: Tensor,
        top_p: float,
        generator: torch.Generator,
    ) -> None:
        """given: (K, features) normalised guide poses of the whole clip, rows of NaN where free."""
        self._network, self._codec = network, codec
        self._top_p, self._generator = top_p, generator
        self._given = given
        self._is_given = given.isfinite().all(dim=1).tolist()
        self._codes = torch.zeros(1, 0, network.config.depth, dtype=torch.long, device=given.device)

    def extend(self, window: Window, features: Tensor) -> None:
        """Writes the poses up to the window's end, hearing its audio features (1, L, C)."""
        first = window.start // GUIDE_INTERVAL
        end = -(-window.stop // GUIDE_INTERVAL)
        while (second := self._codes.shape[1]) < end:
            if self._is_given[second]:
                self._append_given(second)
                continue
            free = second
            while free < end and not self._is_given[free]:
                free += 1
            settled = self._codes[:, first:]
            sampled = self._network.sample(
                features, free - first, self._generator, self._top_p, prefix=settled
            )
            self._codes = torch.cat([self._codes, sampled[:, settled.shape[1] :]], dim=1)

    def poses(self) -> Tensor:
        """The guide poses so far (1, N, features), the given ones exactly."""
        count = self._codes.shape[1]
        if not count:
            return self._given[None, :0]
        is_given = torch.tensor(self._is_given[:count], device=self._given.device)
        return torch.where(is_given[:, None], self._given[:count], self._codec.decode(self._codes))

    def _append_given(self, second: int) -> None:
        """Writes the codes of a given pose, as the codec has them after the poses so far."""
        poses = torch.cat([self.poses(), self._given[None, second : second + 1]], dim=1)
        self._codes = torch.cat([self._codes, self._codec.encode(poses)[:, -1:]], dim=1)
