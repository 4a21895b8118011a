"""Where the nodes of a .glb file are at given times, as glTF 2.0 says (appendix C: interpolation)."""

from __future__ import annotations

import numpy as np

from kinematics.gltf import Glb
from kinematics.rotations import matrix_from_quaternion

REST = {"translation": (0, 0, 0), "rotation": (0, 0, 0, 1), "scale": (1, 1, 1)}


def node_matrices(content: bytes, times: np.ndarray) -> dict[str, np.ndarray]:
    """World matrices (T, 4, 4) by the nodes' names, as the first animation moves them."""
    glb = Glb(content)
    nodes = glb.document["nodes"]
    values = [
        {path: np.tile(np.array(node.get(path, rest), float), (len(times), 1)) for path, rest in REST.items()}
        for node in nodes
    ]
    animation = glb.document["animations"][0]
    for channel in animation["channels"]:
        path = channel["target"]["path"]
        if path in REST:
            sampler = animation["samplers"][channel["sampler"]]
            values[channel["target"]["node"]][path] = _values(glb, sampler, times, path == "rotation")
    found: dict[str, np.ndarray] = {}

    def walk(number: int, above: np.ndarray) -> None:
        local = np.tile(np.eye(4), (len(times), 1, 1))
        local[:, :3, :3] = matrix_from_quaternion(values[number]["rotation"])
        local[:, :3, :3] *= values[number]["scale"][:, None, :]
        local[:, :3, 3] = values[number]["translation"]
        found[nodes[number].get("name", str(number))] = above @ local
        for child in nodes[number].get("children", ()):
            walk(child, above @ local)

    carried = {child for node in nodes for child in node.get("children", ())}
    for root in set(range(len(nodes))) - carried:
        walk(root, np.tile(np.eye(4), (len(times), 1, 1)))
    return found


def _values(glb: Glb, sampler: dict, times: np.ndarray, is_rotation: bool) -> np.ndarray:
    at, output = glb.numbers(sampler["input"])[:, 0], glb.numbers(sampler["output"])
    times = np.clip(times, at[0], at[-1])
    left = np.clip(np.searchsorted(at, times, side="right") - 1, 0, len(at) - 2)
    length = (at[left + 1] - at[left])[:, None]
    share = (times - at[left])[:, None] / length
    if sampler.get("interpolation") == "CUBICSPLINE":
        into, value, out = output.reshape(len(at), 3, -1).swapaxes(0, 1)
        found = (2 * share**3 - 3 * share**2 + 1) * value[left] + length * (
            share**3 - 2 * share**2 + share
        ) * out[left]
        found += (3 * share**2 - 2 * share**3) * value[left + 1] + length * (share**3 - share**2) * into[
            left + 1
        ]
    else:
        end = output[left + 1]
        if is_rotation:
            end = np.where((end * output[left]).sum(axis=1, keepdims=True) < 0, -end, end)
        found = (1 - share) * output[left] + share * end
    return found / np.linalg.norm(found, axis=1, keepdims=True) if is_rotation else found
