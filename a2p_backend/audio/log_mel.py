"""The default actor's ears: log-mel bands and loudness, one step for each frame of motion.

Nothing here is learned, and nothing depends on the rest of the clip: the same sound gives the same features
wherever it stands, in a window or in the whole recording.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torchaudio
from torch import Tensor, nn
from torch.nn import functional

from a2p_backend.wire.performance import SAMPLE_RATE, SAMPLES_PER_FRAME

_WINDOW = 2400
"""50 ms: two periods of a low voice, and 20 Hz between the bins."""
_FLOOR = 1e-8
"""Power, -80 dB of full scale, under which a band counts as silent: a recording's noise is not speech."""
_BAND_CENTRE, _BAND_SPREAD = -62.0, 16.0
_LOUDNESS_CENTRE, _LOUDNESS_SPREAD = -40.0, 20.0
"""In dB: about the mean and the standard deviation over conversational speech and its pauses."""


@dataclass(frozen=True)
class LogMelConfig:
    """The bands that are listened to."""

    bands: int = 40
    lowest: float = 60.0
    """Hz"""
    highest: float = 8000.0
    """Hz"""


class LogMel(nn.Module):
    """Audio (B, 1600 T, 2) at 48 kHz, full scale 1, to features (B, T, width) of about unit variance.

    Of each channel in turn: the bands, then the loudness of the whole window, which is centred on the frame.
    """

    kind = "log_mel"

    def __init__(self, config: LogMelConfig | None = None) -> None:
        super().__init__()
        self.config = config or LogMelConfig()
        self.width = 2 * (self.config.bands + 1)
        filters = torchaudio.functional.melscale_fbanks(
            n_freqs=_WINDOW // 2 + 1,
            f_min=self.config.lowest,
            f_max=self.config.highest,
            n_mels=self.config.bands,
            sample_rate=SAMPLE_RATE,
        )
        self.register_buffer("window", torch.hann_window(_WINDOW), persistent=False)
        self.register_buffer("filters", filters, persistent=False)

    def forward(self, audio: Tensor) -> Tensor:
        samples = audio.shape[1]
        if samples % SAMPLES_PER_FRAME:
            raise ValueError(f"{samples} samples are not a whole number of frames ({SAMPLES_PER_FRAME} each)")
        margin = (_WINDOW - SAMPLES_PER_FRAME) // 2
        padded = functional.pad(audio.transpose(1, 2), (margin, margin))
        windows = padded.unfold(-1, _WINDOW, SAMPLES_PER_FRAME) * self.window  # (B, 2, T, window)

        # Both measures are mean powers of the signal under the window, so that they share one floor.
        energy = self.window.square().sum()
        loudness = windows.square().sum(-1, keepdim=True) / energy
        spectrum = torch.fft.rfft(windows).abs().square() * (2 / (_WINDOW * energy))
        bands = _decibels(spectrum @ self.filters, _BAND_CENTRE, _BAND_SPREAD)
        loudness = _decibels(loudness, _LOUDNESS_CENTRE, _LOUDNESS_SPREAD)
        return torch.cat([bands, loudness], dim=-1).transpose(1, 2).flatten(2)


def _decibels(power: Tensor, centre: float, spread: float) -> Tensor:
    return (10 * torch.log10(power + _FLOOR) - centre) / spread
