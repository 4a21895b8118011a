"""Denoisers of face and body: `face_film_t*.npz`, `pose_film_t*.npz`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor, nn

from a2p_backend.motion.film_transformer import Conditions, FiLMTransformer, within_clip_only

from . import networks
from .goldens import Golden

FACE = r"face_film_t\d+.*"
BODY = r"pose_film_t\d+.*"
OUTPUT = r"(?P<branch>cond|uncond|cfg(?P<scale>[\d.]+))(?P<tags>(_padded|_mixed)*)(?P<steps>(_t\d+)+)"
INTERMEDIATE = r"mid_(?P<name>\w+?)_t(?P<step>\d+)"

# Largest difference that correct single precision shows, for one call and for guided ones.
FACE_TOLERANCE, FACE_GUIDED_TOLERANCE = 5e-4, 5e-3
BODY_TOLERANCE, BODY_GUIDED_TOLERANCE = 4e-5, 1e-4


@pytest.mark.golden(FACE, OUTPUT)
def test_face(golden: Golden) -> None:
    inputs = golden.inputs_path()
    conditions = networks.face_conditions(inputs, golden.batch)
    x = networks.motion(golden.inputs()["x_face"][: golden.batch])
    ours = output(networks.face_denoiser(), x, conditions, golden)
    golden.check(ours, atol=FACE_GUIDED_TOLERANCE if golden.groups["scale"] else FACE_TOLERANCE)


@pytest.mark.golden(BODY, OUTPUT)
def test_body(golden: Golden) -> None:
    inputs = golden.inputs_path()
    padded = "_padded" in golden.groups["tags"]
    conditions = networks.body_conditions(inputs, golden.batch, padded)
    x = networks.motion(golden.inputs()["x_pose"][: golden.batch])
    ours = output(networks.body_denoiser(), x, conditions, golden)
    golden.check(ours, atol=BODY_GUIDED_TOLERANCE if golden.groups["scale"] else BODY_TOLERANCE)


@pytest.mark.golden(FACE, INTERMEDIATE)
def test_inside_the_face(golden: Golden) -> None:
    network, inputs = networks.face_denoiser(), golden.inputs_path()
    x = networks.motion(golden.inputs()["x_face"][: golden.batch])
    with recorded(network) as inside:
        conditions = network.conditions(networks.face_features(inputs, golden.batch))
        network(x, steps_of(golden, golden.groups["step"]), conditions)
    check_intermediate(golden, inside, FACE_TOLERANCE)


@pytest.mark.golden(BODY, INTERMEDIATE)
def test_inside_the_body(golden: Golden) -> None:
    network, inputs = networks.body_denoiser(), golden.inputs_path()
    x = networks.motion(golden.inputs()["x_pose"][: golden.batch])
    keyframes = torch.from_numpy(golden.inputs()["keyframes"][: golden.batch])
    with recorded(network) as inside:
        conditions = network.conditions(networks.audio_features(inputs, golden.batch), keyframes)
        network(x, steps_of(golden, golden.groups["step"]), conditions)
    check_intermediate(golden, inside, BODY_TOLERANCE)


@pytest.mark.golden(BODY, "keyframes_after_padded_call")
def test_guide_poses_past_the_end_are_zeroed(golden: Golden) -> None:
    inputs = golden.inputs()
    keyframes = torch.from_numpy(inputs["keyframes"][: golden.batch])
    within_clip = torch.from_numpy(inputs["mask_pad"][: golden.batch, 0, 0])
    golden.check(within_clip_only(keyframes, within_clip), atol=0)


def output(network: FiLMTransformer, x: Tensor, conditions: Conditions, golden: Golden) -> Tensor:
    steps = steps_of(golden, *re.findall(r"\d+", golden.groups["steps"]))
    if golden.groups["scale"]:
        return network.guided(x, steps, conditions, float(golden.groups["scale"]))
    if golden.groups["branch"] == "cond":
        return network(x, steps, conditions)
    # Guidance at scale 0 is the output without conditions.
    return network.guided(x, steps, conditions, 0.0)


def steps_of(golden: Golden, *steps: str) -> Tensor:
    """One step for all samples, or one for each."""
    return torch.tensor([int(step) for step in steps]).expand(golden.batch)


@contextmanager
def recorded(network: nn.Module) -> Iterator[dict[str, list[Tensor]]]:
    """The outputs of the network's parts by the goldens' names, one entry for each time that a part ran."""
    parts = {
        "cond_projection": network.cond_projection,
        "cond_hidden": network.non_attn_cond_projection,
        "norm_cond": network.norm_cond,
        "final_layer": network.final_layer,
    }
    if isinstance(network, FiLMTransformer):
        parts |= {
            "time_mlp": network.time_mlp,
            "time_cond": network.to_time_cond,
            "time_tokens": network.to_time_tokens,
        }
        if network.cond_encoder:
            parts["cond_encoder"] = network.cond_encoder[-1]
        if network.config.guide_features:
            parts["pose_tokens"] = network.frame_norm_cond
    else:
        parts["pre_audio"] = network.pre_audio
    parts |= {f"layer{index}": layer for index, layer in enumerate(network.seqTransDecoder.stack)}
    inside: dict[str, list[Tensor]] = {}

    def record(name: str):
        def hook(_module: nn.Module, _args: object, result: Tensor | tuple[Tensor, ...]) -> None:
            inside.setdefault(name, []).append(result[0] if isinstance(result, tuple) else result)

        return hook

    hooks = [part.register_forward_hook(record(name)) for name, part in parts.items()]
    try:
        yield inside
    finally:
        for hook in hooks:
            hook.remove()


def check_intermediate(golden: Golden, inside: dict[str, list[Tensor]], atol: float) -> None:
    name = golden.groups["name"]
    if name not in inside:
        pytest.skip(f"nothing here is called {name}")
    # norm_cond runs on the null tokens, if any, the audio tokens, and the time tokens; the memory is the last
    # two, and time tokens that all clips share have one row.
    *others, ours = inside[name]
    if others:
        ours = torch.cat([others[-1], ours.expand(golden.batch, -1, -1)], dim=1)
    golden.check(ours.expand(golden.batch, *ours.shape[1:]), atol=atol)
