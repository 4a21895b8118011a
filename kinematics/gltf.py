"""Binary glTF files: their numbers read, replaced and written again.

glTF 2.0 (Khronos, 2017): a .glb holds a JSON document, and the bytes of its first buffer. Numbers are named
by accessors, which lie in views of that buffer. Known is what the project's own exports hold: meshes, skins
and animations, and pictures.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

from kinematics.arrays import FloatArray
from kinematics.errors import A2PError

_MAGIC, _VERSION = b"glTF", 2
_JSON, _BINARY = 0x4E4F534A, 0x004E4942
_FLOAT = 5126
_TYPES = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
_NUMBERS = {5120: "i1", 5121: "u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", _FLOAT: "<f4"}


class GltfError(A2PError):
    """A .glb file that cannot be understood."""


class Glb:
    """The document of a .glb file, and the bytes of its buffer."""

    def __init__(self, content: bytes) -> None:
        """Raises GltfError where the content is not a whole .glb file of version 2."""
        if len(content) < 20 or content[:4] != _MAGIC or struct.unpack_from("<I", content, 4)[0] != _VERSION:
            raise GltfError("This is not a binary glTF file of version 2.")
        chunks = dict(_chunks(content))
        try:
            self.document: dict[str, Any] = json.loads(chunks[_JSON])
        except (KeyError, ValueError) as error:
            raise GltfError("The glTF file has no readable document: export it anew.") from error
        self._added: dict[tuple[str, bytes], int] = {}
        binary = chunks.get(_BINARY, b"")
        self._views = [
            binary[view.get("byteOffset", 0) : view.get("byteOffset", 0) + view["byteLength"]]
            for view in self.document.get("bufferViews", ())
        ]

    def numbers(self, accessor: int) -> FloatArray:
        """What an accessor names, (count, components) float64. GltfError for a kind that is not known."""
        entry = self.document["accessors"][accessor]
        width, number = _TYPES.get(entry["type"]), _NUMBERS.get(entry["componentType"])
        if width is None or number is None or "sparse" in entry or "bufferView" not in entry:
            raise GltfError("The glTF file keeps its motion in a form that is not known: export it anew.")
        view = self._views[entry["bufferView"]]
        values = np.frombuffer(view, number, entry["count"] * width, entry.get("byteOffset", 0))
        return values.reshape(entry["count"], width).astype(np.float64)

    def add(self, values: FloatArray) -> int:
        """An accessor for values (count, components), as single floats; its number. Equal ones share one."""
        packed = np.ascontiguousarray(values, "<f4")
        kind = {width: name for name, width in _TYPES.items()}[packed.shape[1]]
        same = self._added.get((kind, packed.tobytes()))
        if same is not None:
            return same
        views = self.document.setdefault("bufferViews", [])
        accessors: list[dict[str, Any]] = self.document.setdefault("accessors", [])
        views.append({"buffer": 0, "byteLength": packed.nbytes})
        self._views.append(packed.tobytes())
        entry = {"bufferView": len(views) - 1, "componentType": _FLOAT, "count": len(packed), "type": kind}
        if kind == "SCALAR":
            entry |= {"min": [float(packed.min())], "max": [float(packed.max())]}
        accessors.append(entry)
        self._added[kind, packed.tobytes()] = len(accessors) - 1
        return len(accessors) - 1

    def to_bytes(self) -> bytes:
        """The file, without what nothing refers to any more. Numbers of accessors change."""
        self._added.clear()
        self._drop_unused_accessors()
        self._drop_unused_views()
        binary = bytearray()
        for view, content in zip(self.document.get("bufferViews", ()), self._views, strict=True):
            binary += bytes(-len(binary) % 4)
            view["byteOffset"] = len(binary)
            binary += content
        binary += bytes(-len(binary) % 4)
        if binary:
            self.document["buffers"] = [{"byteLength": len(binary)}]
        text = json.dumps(self.document, separators=(",", ":"), ensure_ascii=False).encode()
        text += b" " * (-len(text) % 4)
        chunks = struct.pack("<II", len(text), _JSON) + text
        if binary:
            chunks += struct.pack("<II", len(binary), _BINARY) + bytes(binary)
        return struct.pack("<4sII", _MAGIC, _VERSION, 12 + len(chunks)) + chunks

    def _drop_unused_accessors(self) -> None:
        references = list(self._accessor_references())
        kept = sorted({holder[key] for holder, key in references})
        number = {old: new for new, old in enumerate(kept)}
        for holder, key in references:
            holder[key] = number[holder[key]]
        if "accessors" in self.document:
            self.document["accessors"] = [self.document["accessors"][old] for old in kept]

    def _drop_unused_views(self) -> None:
        references = list(_holders_of(self.document, "bufferView"))
        kept = sorted({holder["bufferView"] for holder in references})
        number = {old: new for new, old in enumerate(kept)}
        for holder in references:
            holder["bufferView"] = number[holder["bufferView"]]
        if "bufferViews" in self.document:
            self.document["bufferViews"] = [self.document["bufferViews"][old] for old in kept]
            self._views = [self._views[old] for old in kept]

    def _accessor_references(self) -> Iterator[tuple[dict[str, Any], str]]:
        """Where the document says the number of an accessor: an object, and the key in it."""
        for mesh in self.document.get("meshes", ()):
            for primitive in mesh["primitives"]:
                for attributes in (primitive["attributes"], *primitive.get("targets", ())):
                    yield from ((attributes, name) for name in attributes)
                if "indices" in primitive:
                    yield primitive, "indices"
        for skin in self.document.get("skins", ()):
            if "inverseBindMatrices" in skin:
                yield skin, "inverseBindMatrices"
        for animation in self.document.get("animations", ()):
            for sampler in animation["samplers"]:
                yield from ((sampler, name) for name in ("input", "output"))


def _chunks(content: bytes) -> Iterator[tuple[int, bytes]]:
    at = 12
    while at + 8 <= len(content):
        length, kind = struct.unpack_from("<II", content, at)
        if at + 8 + length > len(content):
            raise GltfError("The glTF file is cut short: export it anew.")
        yield kind, content[at + 8 : at + 8 + length]
        at += 8 + length


def _holders_of(part: Any, key: str) -> Iterator[dict[str, Any]]:
    """Objects at any depth of a document that have a key."""
    if isinstance(part, dict):
        if key in part:
            yield part
        for value in part.values():
            yield from _holders_of(value, key)
    elif isinstance(part, list):
        for value in part:
            yield from _holders_of(value, key)
