"""The motion of a .glb file with few keys in place of one a frame.

glTF's CUBICSPLINE is the cubic that `keys.Keys` are, component by component, a rotation's then normalised:
the keys that `reduction` finds are written as they are. All shapes of a node share their keys' times; there
lines take fewer numbers, as a key of a cubic has three for each shape.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kinematics.arrays import FloatArray
from kinematics.curves.error_bound import ErrorBound
from kinematics.curves.keys import Keys
from kinematics.curves.lines import fewest_lines
from kinematics.curves.reduction import LOCATION, Channel, Figure, PosedError, reduce_keys
from kinematics.curves.rotation_curves import QUATERNION
from kinematics.gltf import Glb
from kinematics.retarget.rig import Rig

_PATHS = {"rotation": QUATERNION, "translation": LOCATION}
_NO_CHANGE = 1e-5
_FLOAT = 5126
_SINGLE = 1e-6
"""What single precision may add to a shape's value."""
_DEFAULTS = {"rotation": (0.0, 0.0, 0.0, 1.0), "translation": (0.0, 0.0, 0.0)}


@dataclass(frozen=True)
class ReducedMotion:
    """content: of the .glb file. before, after: its keys, one a curve and time. error: see `Reduction`."""

    content: bytes
    before: int
    after: int
    error: PosedError


def reduce_motion(
    content: bytes, bound: ErrorBound | None = None, hands: Iterable[str] = ()
) -> ReducedMotion:
    """A .glb file whose animations have as few keys as keep the bound, in metres of the file.

    Animations must be sampled: rotations, translations, scales and shapes' weights with one key a frame,
    bones at even times. What has other keys, and scales that change, stay as they are; where a node's scale
    is not 1, what it carries is bound in its own unit. hands: names of the nodes that the bound's `hand` is
    for. Raises A2PError for a file that is not understood.
    """
    bound, hands = bound or ErrorBound(), frozenset(hands)
    glb = Glb(content)
    nodes = _Nodes(glb.document["nodes"])
    before = after = 0
    error = PosedError()
    for animation in glb.document.get("animations", ()):
        # Channels that share a sampler may come to differ.
        animation["samplers"] = [dict(animation["samplers"][one["sampler"]]) for one in animation["channels"]]
        for number, channel in enumerate(animation["channels"]):
            channel["sampler"] = number
        parts = _reduce_bones(glb, nodes, animation, bound, hands), _reduce_shapes(glb, animation, bound)
        for part in parts:
            before, after = before + part.before, after + part.after
            error = PosedError(*np.maximum(_worst(error), _worst(part.error)).tolist())
    return ReducedMotion(glb.to_bytes(), before, after, error)


@dataclass(frozen=True)
class _Reduced:
    """What became of a part of an animation; see `ReducedMotion`."""

    before: int = 0
    after: int = 0
    error: PosedError = field(default_factory=PosedError)


def _reduce_bones(
    glb: Glb, nodes: _Nodes, animation: dict[str, Any], bound: ErrorBound, hands: frozenset[str]
) -> _Reduced:
    """Cubic keys for turns and moves; two keys for scales that do not change."""
    sampled = _sampled(glb, animation)
    if not sampled:
        return _Reduced()
    times = glb.numbers(sampled[0][1]["input"])[:, 0]
    figure = nodes.figure(glb, sampled, len(times), hands)
    channels = [nodes.channel(glb, target, sampler) for target, sampler in sampled]
    reduction = reduce_keys(channels, figure, bound)
    for (target, sampler), keys in zip(sampled, reduction.keys, strict=True):
        sampler |= _spline(glb, keys, times, nodes.offset(target))
    for target, sampler in _channels(animation):
        if target["path"] == "scale":
            sampler |= _still(glb, sampler)
    return _Reduced(reduction.dense_count, reduction.count, reduction.error)


def _reduce_shapes(glb: Glb, animation: dict[str, Any], bound: ErrorBound) -> _Reduced:
    """Lines in place of keys in all frames for the weights of nodes' shapes."""
    before = after = 0
    worst = 0.0
    for target, sampler in _channels(animation):
        if target["path"] != "weights" or sampler.get("interpolation", "LINEAR") != "LINEAR":
            continue
        times, output = glb.numbers(sampler["input"])[:, 0], glb.document["accessors"][sampler["output"]]
        if output["componentType"] != _FLOAT or len(times) < 3 or output["count"] % len(times):
            continue
        weights = glb.numbers(sampler["output"]).reshape(len(times), -1)
        kept = fewest_lines(times, weights, bound.value - _SINGLE)
        lines = [np.interp(times, times[kept], weights[kept, shape]) for shape in range(weights.shape[1])]
        worst = max(worst, float(np.abs(np.transpose(lines) - weights).max()))
        before, after = before + weights.size, after + weights[kept].size
        sampler |= {"input": glb.add(times[kept, None]), "output": glb.add(weights[kept].reshape(-1, 1))}
    return _Reduced(before, after, PosedError(value=worst))


def _channels(animation: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Targets and samplers of all channels that have a node."""
    for channel in animation["channels"]:
        if "node" in channel["target"]:
            yield channel["target"], animation["samplers"][channel["sampler"]]


def _sampled(glb: Glb, animation: dict[str, Any]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Targets and samplers of turns and moves that have a key in every frame, at the same even times."""
    found = []
    longest = 0
    for target, sampler in _channels(animation):
        if target["path"] in _PATHS and sampler.get("interpolation", "LINEAR") == "LINEAR":
            count = glb.document["accessors"][sampler["input"]]["count"]
            longest = max(longest, count)
            found.append((target, sampler, count))
    return [(target, sampler) for target, sampler, count in found if count == longest > 2]


def _worst(error: PosedError) -> tuple[float, float, float]:
    return error.rotation, error.hand, error.value


def _spline(glb: Glb, keys: Keys, times: FloatArray, offset: FloatArray) -> dict[str, Any]:
    """A sampler's values. offset: what is added to the keys' values."""
    at = times[keys.frames]
    values = _in_gltf_order(keys.values + offset)
    if len(keys) == 2 and not keys.slopes.any() and np.array_equal(*keys.values):
        return {"input": glb.add(at[:, None]), "output": glb.add(values), "interpolation": "LINEAR"}
    a_second = _in_gltf_order(keys.slopes) * (len(times) - 1) / (times[-1] - times[0])
    splines = np.stack([a_second, values, a_second], axis=1).reshape(-1, values.shape[1])
    return {"input": glb.add(at[:, None]), "output": glb.add(splines), "interpolation": "CUBICSPLINE"}


def _still(glb: Glb, sampler: dict[str, Any]) -> dict[str, Any]:
    """Two keys for values that do not change; nothing for others."""
    times, values = glb.numbers(sampler["input"]), glb.numbers(sampler["output"])
    if len(times) != len(values) or len(times) < 3 or np.ptp(values, axis=0).max() > _NO_CHANGE:
        return {}
    return {"input": glb.add(times[[0, -1]]), "output": glb.add(values[[0, -1]]), "interpolation": "LINEAR"}


def _in_gltf_order(values: FloatArray) -> FloatArray:
    """Quaternions (K, 4), w x y z as channels have them, as x y z w; others unchanged."""
    return np.roll(values, -1, axis=1) if values.shape[1] == 4 else values


class _Nodes:
    """The document's nodes as a rig, in whose rest no node is turned: turns are then the nodes' own."""

    def __init__(self, nodes: list[dict[str, Any]]) -> None:
        parents = np.full(len(nodes), -1)
        for number, entry in enumerate(nodes):
            parents[entry.get("children", [])] = number
        order = sorted(range(len(nodes)), key=lambda node: _depth(parents, node))
        self._place = {node: place for place, node in enumerate(order)}
        self._nodes = nodes
        rest = np.tile(np.eye(4), (len(nodes), 1, 1))
        above = np.array([self._place.get(int(parents[node]), -1) for node in order])
        for place, node in enumerate(order):
            rest[place, :3, 3] = self._own(node, "translation")
            if above[place] >= 0:
                rest[place, :3, 3] += rest[above[place], :3, 3]
        self._rig = Rig(tuple(map(str, order)), above, rest)
        self._order = order

    def offset(self, target: dict[str, Any]) -> FloatArray:
        """What a target's value is when its channel says 0."""
        if target["path"] == "rotation":
            return np.zeros(4)
        return self._own(target["node"], "translation")

    def channel(self, glb: Glb, target: dict[str, Any], sampler: dict[str, Any]) -> Channel:
        """The sampler's values, rotations as w x y z of one sign."""
        values = glb.numbers(sampler["output"])
        if target["path"] == "rotation":
            values = np.roll(_aligned(values), 1, axis=1)
        else:
            values = values - self.offset(target)
        return Channel(values, _PATHS[target["path"]], self._place[target["node"]])

    def figure(
        self,
        glb: Glb,
        sampled: list[tuple[dict[str, Any], dict[str, Any]]],
        frames: int,
        hands: frozenset[str],
    ) -> Figure:
        """What the channels move, the nodes without a channel as they stand."""
        rotation = np.array([self._own(node, "rotation") for node in self._order])
        rotation = np.tile(rotation, (frames, 1, 1))
        location = np.zeros((frames, len(self._order), 3))
        for target, sampler in sampled:
            place, values = self._place[target["node"]], glb.numbers(sampler["output"])
            if target["path"] == "rotation":
                rotation[:, place] = values
            else:
                location[:, place] = values - self.offset(target)
        bound = tuple(
            place for place, node in enumerate(self._order) if self._nodes[node].get("name") in hands
        )
        return Figure(self._rig, rotation, location, bound)

    def _own(self, node: int, path: str) -> FloatArray:
        return np.array(self._nodes[node].get(path, _DEFAULTS[path]), np.float64)


def _depth(parents: FloatArray, node: int) -> int:
    depth = 0
    while parents[node] >= 0:
        node, depth = int(parents[node]), depth + 1
    return depth


def _aligned(rotation: FloatArray) -> FloatArray:
    signs = np.cumprod(np.where(np.sum(rotation[1:] * rotation[:-1], axis=1) < 0, -1.0, 1.0))
    aligned: FloatArray = np.concatenate([rotation[:1], rotation[1:] * signs[:, None]])
    return aligned
