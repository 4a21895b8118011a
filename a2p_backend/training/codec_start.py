"""What the codec starts from, and which numbers of a pose matter to it.

From random weights a codec of this kind settles for a handful of directions: straight through the quantiser a
gradient reaches only those that its entries tell apart already, and the others die out, arms among them.
Started as a principal component analysis it tells every large direction apart from the first step.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from a2p_backend.actors.statistics import Statistics
from a2p_backend.motion.vq_codec import VQCodec
from kinematics.body import Body

_NUDGE = 0.01
_OTHER_SECONDS = 0.1
"""What is left, at the start, of the random weights: the convolutions first look at their own second only."""
_LIFT = 3.0


def reach_of_parameters(body: Body, statistics: Statistics) -> np.ndarray:
    """(104,): how far, in cm, one standard deviation of each parameter moves the body's joints from the mean
    pose, root mean square over the joints.
    """
    nudges = _NUDGE * np.diag(statistics.pose_std)
    around = np.concatenate([statistics.pose_mean + nudges, statistics.pose_mean - nudges])
    places = body.global_states(around).translation.reshape(2, len(nudges), -1, 3)
    moved = (places[0] - places[1]) / (2 * _NUDGE)
    return np.sqrt(np.square(moved).sum(axis=-1).mean(axis=-1))


def emphasis_of(reach: np.ndarray, least: float) -> Tensor:
    """Weights (104,) of the parameters' errors, in proportion to their reach (104,) and of mean square 1.

    None is under about `least`, for the sake of what moves few joints, as the head and the fingers do.
    """
    weights = np.maximum(reach / np.sqrt(np.square(reach).mean()), least)
    return torch.from_numpy(weights / np.sqrt(np.square(weights).mean())).float()


@torch.no_grad()
def start_as_principal_components(codec: VQCodec, poses: Tensor, emphasis: Tensor) -> None:
    """Makes the latents of a codec the principal components of emphasised poses (N, K, features), and its
    decoder their way back.

    In between, values are lifted above 0 by as much as they vary, where a leaky unit lets them pass.
    """
    emphasised = (emphasis * poses).flatten(0, -2)
    mean, width = emphasised.mean(dim=0), codec.config.width
    variances, components = torch.linalg.eigh(torch.cov(emphasised.T))
    components = components.flip(1)[:, :width]
    lift = _LIFT * variances.flip(0)[:width].clamp(min=0).sqrt()
    encoder, decoder = (
        [layer for layer in layers if isinstance(layer, nn.Conv1d)]
        for layers in (codec.encoder.enc, codec.decoder.dec)
    )
    first, *within_encoder = encoder
    *within_decoder, last = decoder
    for convolution in (*within_encoder, *within_decoder):
        assert convolution.bias is not None
        convolution.weight.mul_(_OTHER_SECONDS)
        convolution.weight[..., -1] += torch.eye(width)
        convolution.bias.zero_()
    first.weight.copy_((components.T * emphasis)[..., None])
    first.bias.copy_(lift - components.T @ mean)
    within_encoder[-1].bias.sub_(lift)
    within_decoder[0].bias.add_(lift)
    last.weight.copy_((components / emphasis[:, None])[..., None])
    last.bias.copy_((mean - components @ lift) / emphasis)
