"""The codec avatar's atlas, layers, seams and display values against those of the original.

Gates: faces of texels exact, barycentrics 1e-5, values on the atlas 1e-5, layers 1e-5, display values 1e-3.
"""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from torch import nn

from a2p_backend.avatar.codec import layers
from a2p_backend.avatar.codec.display import linear_to_display, to_bytes
from a2p_backend.avatar.codec.seams import SeamSampler
from a2p_backend.avatar.codec.shadow import PoseToShadow, ShadowUNet, nearest
from a2p_backend.avatar.codec.upscale import UpscaleNet
from a2p_backend.avatar.codec.uv import UVGeometry, uv_images
from a2p_backend.avatar.codec.view import UNet, vertex_normals, view_cosines

from .avatar_actor import actor_folder, load_assets, named_input, seed


def topology_of(golden):
    return load_assets(actor_folder(golden)).topology


@pytest.mark.golden(r"uv_(?P<size>\d+)", r"face_index|index|bary")
def test_covered_texels(golden):
    images = uv_images(topology_of(golden), int(golden.groups["size"]), inpaint_distance=0)
    ours = {"face_index": images.faces, "index": images.vertices, "bary": images.barycentrics}[golden.array]
    golden.check(ours, atol=1e-5)


@pytest.mark.golden(r"uv_(?P<size>\d+)", r"(face_index|index|bary)_impaint(_thr(?P<distance>\d+))?")
def test_inpainted_texels(golden):
    distance = float(golden.groups["distance"] or 100)
    images = uv_images(topology_of(golden), int(golden.groups["size"]), distance)
    name = golden.array.split("_impaint")[0]
    ours = {"face_index": images.faces, "index": images.vertices, "bary": images.barycentrics}[name].numpy()
    # Among texels equally near, the original takes any.
    decided = ~golden.require("nearest_is_tied")
    assert np.abs(ours[decided] - golden.values[decided]).max() <= 1e-5


@pytest.mark.golden(r"uv_(?P<size>\d+)", r"face_index_covered")
def test_covered_texels_of_the_networks_atlas(golden):
    images = uv_images(topology_of(golden), int(golden.groups["size"]), inpaint_distance=0)
    golden.check(images.faces, atol=0)


@pytest.mark.golden(r"uv_values_(?P<size>\d+)", r"to_uv_(no_impaint|impaint)")
def test_to_uv(golden):
    distance = 100.0 if golden.array == "to_uv_impaint" else 0.0
    topology = topology_of(golden)
    geometry = UVGeometry(topology, uv_images(topology, int(golden.groups["size"]), distance))
    batch, channels = golden.values.shape[:2]
    values = torch.from_numpy(golden.require("values")[:batch, :, :channels])
    error = np.abs(geometry.to_uv(values).numpy() - golden.values)
    if distance:
        tied_file = golden.path.with_name(f"uv_{golden.groups['size']}.npz")
        if not tied_file.exists():
            pytest.skip(f"{golden.path.name} does not say which texels are undecided")
        with np.load(tied_file) as arrays:
            error = error[..., ~arrays["nearest_is_tied"]]
    assert error.max() <= 1e-5


@pytest.mark.golden(r"uv_values_(?P<size>\d+)", r"from_uv")
def test_from_uv(golden):
    topology = topology_of(golden)
    geometry = UVGeometry(topology, uv_images(topology, 8, 0.0))
    golden.check(geometry.from_uv(torch.from_numpy(golden.require("map"))), atol=1e-5, time_axis=0)


@pytest.mark.golden(r"normals", r"vertex_normals|view_cos")
def test_normals(golden):
    vertices = torch.from_numpy(golden.require("geom"))
    ours = vertex_normals(vertices, topology_of(golden).vi)
    if golden.array == "view_cos":
        ours = view_cosines(vertices, ours, torch.from_numpy(golden.require("campos")))
    golden.check(ours, atol=1e-5, time_axis=0)


@pytest.mark.golden(r"seam_(?P<size>\d+)", r"impaint_at_dst|resample[12]_at_probe")
def test_seams(golden):
    size = int(golden.groups["size"])
    actor = load_assets(actor_folder(golden))
    data = actor.seams if size == 1024 else actor.texture_seams
    seams = SeamSampler(data.dst_ij, data.src_ij, data.uvs, data.weights)
    maps = seams.impaint(named_input(f"seam{size}", 1, len(golden.values), size, size))
    if golden.array == "impaint_at_dst":
        i, j = seams.dst_ij[::13].T
    else:
        i, j = torch.from_numpy(golden.require("probe_ij").astype(np.int64)).T
        for _ in range(int(golden.array[len("resample")])):
            maps = seams.resample(maps)
    golden.check(maps[0, :, i, j], atol=1e-5)


@pytest.mark.golden(r"display", r"display|uint8")
def test_display(golden):
    display = linear_to_display(torch.from_numpy(golden.require("rgb")))
    golden.check(to_bytes(display) if golden.array == "uint8" else display, atol=1e-3)


def build_layer(name: str, arrays) -> nn.Module:
    """The layer that a name such as `Conv2dWN_8_6_k3p1g2` spells out."""
    kind, *parts = name.split("_")
    letters = dict(re.findall(r"([a-z]+)(\d+)", "_".join(part for part in parts if part[0].isalpha())))
    letters = {key: int(value) for key, value in letters.items()}
    numbers = [part for part in parts if part[0].isdigit()]
    inputs, *others = [int(number) for number in numbers if "x" not in number] or [1]
    kernel, groups = letters.get("k", 3), letters.get("g", 1)
    size = tuple(arrays[f"{name}/y"].shape[-2:])
    match kind:
        case "LinearWN":
            return layers.LinearWN(inputs, others[0])
        case "Conv2dWN" | "Conv2dWNUB":
            shape = {"kernel": kernel, "stride": letters.get("s", 1), "padding": letters.get("p", 0)}
            if kind == "Conv2dWN":
                return layers.Conv2dWN(inputs, others[0], groups=groups, **shape)
            return layers.Conv2dWNUB(inputs, others[0], size, groups=groups, **shape)
        case "ConvTranspose2dWNUB":
            return layers.ConvTranspose2dWNUB(inputs, *others, kernel=kernel)
        case "ConvBlock":
            return layers.ConvBlock(inputs, *others, kernel=kernel, padding=kernel // 2)
        case "ConvDownBlock":
            return layers.ConvDownBlock(inputs, *others)
        case "UpConvBlockDeep":
            return layers.UpConvBlockDeep(inputs, *others, groups=groups)
        case "UNetWB":
            return UNet(others[1])
        case "UpscaleNet":
            return UpscaleNet(inputs, others[0], others[1], letters["n"])
        case "ShadowUNet":
            mean = torch.from_numpy(arrays[f"{name}/ao_mean_asset"])
            return ShadowUNet(nearest(mean[None], letters["s"])[0], letters["uv"], letters["n"])
        case "PoseToShadow":
            return PoseToShadow(inputs, letters["uv"])
    raise AssertionError(f"unknown kind of layer {name}")


def seeded_layer(name: str, arrays) -> nn.Module:
    """With every tensor by its name: by itself a shadow network's mean occlusion is seeded like the rest."""
    return seed(build_layer(name, arrays), f"unit.{name}.")


@pytest.mark.golden(r"layers", r"(?P<layer>[^/]+)/y")
def test_layers(golden):
    name = golden.groups["layer"]
    layer = seeded_layer(name, golden.arrays)
    ours = layer(torch.from_numpy(golden.require(f"{name}/x")))
    if ours.shape != golden.values.shape:
        ours = ours[..., :: ours.shape[-1] // golden.values.shape[-1], :]
        ours = ours[..., :: ours.shape[-1] // golden.values.shape[-1]]
    golden.check(ours, atol=1e-5)


@pytest.mark.golden(r"layers", r"(?P<layer>[^/]+)/effective_weight")
def test_weight_norm(golden):
    golden.check(seeded_layer(golden.groups["layer"], golden.arrays).weight, atol=1e-6)


@pytest.mark.golden(r"layers_manifest")
def test_names_in_layers(golden):
    arrays = golden.path.with_name("layers.npz")
    if not arrays.exists():
        pytest.skip(f"there is no {arrays.name}")
    with np.load(arrays) as stored:
        for name, shapes in golden.json()["modules"].items():
            layer = build_layer(name, stored)
            assert {key: list(value.shape) for key, value in layer.state_dict().items()} == shapes, name
