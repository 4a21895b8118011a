"""From expression codes to a skin: what `a2p train avatar` fits, and its file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from a2p_backend.avatar.trained.network import POSE_INPUTS, AvatarNetwork, NetworkConfig
from kinematics.errors import A2PError
from kinematics.files import atomic_write

DECODER_FILE = "decoder.safetensors"
_FORMAT, _FORMERLY = "a2p trained avatar 2", "a2p trained avatar 1"
_LARGEST_BYTES = 256 * 2**20
_NETWORK = "network."
_MOST = 2**20
_FORMER_GLOSS = 0.3
_NOT_ARRAYS = ("expressions", "bones", "network")

FloatArray = npt.NDArray[np.float32]


class DecoderError(A2PError):
    """A trained avatar's file that cannot be used."""


@dataclass(frozen=True, eq=False)
class Decoder:
    """A skin at rest, and what expressions make of it. Lengths in metres, world axes of the character's file.

    vertices: (V, 3). faces: (F, 3) int32, numbers of corners. source: (C,) int32, the vertex of each corner;
    a vertex has several where charts of the texture meet. uvs: (C, 2), v down, 0 and 1 the texture's edges.
    gloss: (V,) 0 to 1, how much the surface shines.
    weights, indices: (V, 8) shares and numbers of the bones that move a vertex.
    moves: (E, V, 3) float16, displacement of each vertex at expression 1.
    texture: (H, W, 3) uint8 sRGB.
    bone_rest: (J, 4, 4) bone to rig space. to_world: (4, 4) rig space to world. parents: (J,) int32.
    expressions: names of the E expressions. bones: names of the J bones.
    network: what expressions and pose do besides; None where nothing was learnt of it.
    """

    vertices: FloatArray
    faces: npt.NDArray[np.int32]
    source: npt.NDArray[np.int32]
    uvs: FloatArray
    gloss: FloatArray
    weights: FloatArray
    indices: npt.NDArray[np.int32]
    moves: npt.NDArray[np.float16]
    texture: npt.NDArray[np.uint8]
    bone_rest: npt.NDArray[np.float64]
    to_world: npt.NDArray[np.float64]
    parents: npt.NDArray[np.int32]
    expressions: tuple[str, ...]
    bones: tuple[str, ...]
    network: AvatarNetwork | None = None

    def __post_init__(self) -> None:
        count, corners, bones = len(self.vertices), len(self.source), len(self.bones)
        shapes = {
            "vertices": (count, 3),
            "faces": (len(self.faces), 3),
            "uvs": (corners, 2),
            "gloss": (count,),
            "weights": (count, self.weights.shape[-1]),
            "indices": self.weights.shape,
            "moves": (len(self.expressions), count, 3),
            "texture": (*self.texture.shape[:2], 3),
            "bone_rest": (bones, 4, 4),
            "to_world": (4, 4),
            "parents": (bones,),
        }
        for name, shape in shapes.items():
            if getattr(self, name).shape != shape:
                raise DecoderError(f"The avatar's {name} do not fit its other parts: train it again.")
        for name, limit in (("faces", corners), ("source", count), ("indices", bones)):
            numbers = getattr(self, name)
            if numbers.size and not 0 <= numbers.min() <= numbers.max() < limit:
                raise DecoderError(f"The avatar's {name} name parts that it lacks: train it again.")
        for name in ("vertices", "uvs", "gloss", "weights", "moves", "bone_rest", "to_world"):
            if not np.isfinite(getattr(self, name)).all():
                raise DecoderError(f"The avatar's {name} hold a number that is not finite: train it again.")
        if self.network is not None:
            _check_network(self.network, len(self.expressions), count)

    def shaped(self, values: FloatArray, pose: FloatArray | None = None) -> FloatArray:
        """Vertices (T, V, 3) at rest of expressions (T, E), and of pose (T, 104) where it counts."""
        moves = self.moves.astype(np.float32).reshape(len(self.expressions), 3 * len(self.vertices))
        shaped: FloatArray = self.vertices + (values @ moves).reshape(len(values), -1, 3)
        if pose is not None and self.network is not None and self.network.config.fields:
            with torch.inference_mode():
                moved = self.network.displacements(
                    torch.from_numpy(values), torch.from_numpy(pose[:, -POSE_INPUTS:].astype(np.float32))
                )
            shaped[:, self.network.moved.numpy()] += moved.numpy()
        return shaped

    def save(self, folder: Path) -> None:
        """Write the decoder's file into a folder, whole or not at all."""
        folder.mkdir(parents=True, exist_ok=True)
        metadata = {
            "format": _FORMAT,
            "names": json.dumps({"expressions": self.expressions, "bones": self.bones}),
        }
        if self.network is not None:
            metadata["network"] = json.dumps(asdict(self.network.config))
        with atomic_write(folder / DECODER_FILE) as file:
            file.write(save(self.arrays(), metadata=metadata))

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """All its numbers by their names in the file, the network's in half precision."""
        arrays = {
            field.name: np.ascontiguousarray(getattr(self, field.name))
            for field in fields(self)
            if field.name not in _NOT_ARRAYS
        }
        if self.network is not None:
            for name, tensor in self.network.state_dict().items():
                values = tensor.detach().cpu().numpy()
                half = values.astype(np.float16) if values.dtype == np.float32 else values
                arrays[_NETWORK + name] = np.ascontiguousarray(half)
        return arrays


def _check_network(network: AvatarNetwork, expressions: int, vertices: int) -> None:
    if network.config.expressions != expressions:
        raise DecoderError("The avatar's network has other expressions than its rig: train it again.")
    moved = network.moved
    if moved.numel() and not 0 <= int(moved.min()) <= int(moved.max()) < vertices:
        raise DecoderError("The avatar's network moves vertices that it lacks: train it again.")
    if not all(bool(torch.isfinite(tensor).all()) for tensor in network.state_dict().values()):
        raise DecoderError("The avatar's network holds a number that is not finite: train it again.")


def load_decoder(folder: Path) -> Decoder:
    """The decoder in a folder. DecoderError where its file is missing, damaged or of another kind."""
    path = folder / DECODER_FILE
    if not path.is_file():
        raise DecoderError(f"The avatar's file {path} is missing: run `a2p train avatar` again.")
    if path.stat().st_size > _LARGEST_BYTES:
        raise DecoderError(f"{path} is larger than any trained avatar's file: train it again.")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") not in (_FORMAT, _FORMERLY):
                raise DecoderError(f"{path} is not a trained avatar of this version: train it again.")
            names = json.loads(metadata["names"])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        states = {
            name.removeprefix(_NETWORK): arrays.pop(name)
            for name in list(arrays)
            if name.startswith(_NETWORK)
        }
        if metadata["format"] == _FORMERLY:
            arrays["gloss"] = np.full(len(arrays["vertices"]), _FORMER_GLOSS, np.float32)
        return Decoder(
            **arrays,
            expressions=tuple(map(str, names["expressions"])),
            bones=tuple(map(str, names["bones"])),
            network=_network(json.loads(metadata["network"]), states) if "network" in metadata else None,
        )
    except (SafetensorError, KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise DecoderError(f"{path} is damaged ({error}): train the avatar again.") from error


def _network(config: dict[str, Any], states: dict[str, np.ndarray]) -> AvatarNetwork:
    sizes = NetworkConfig(**{**config, "channels": tuple(config["channels"])})
    numbers = (sizes.expressions, sizes.fields, sizes.moved, *sizes.channels)
    if not all(isinstance(number, int) and 0 <= number < _MOST for number in numbers) or sizes.texels > 4096:
        raise ValueError("a network of that size is not made here")
    network = AvatarNetwork(sizes).eval().requires_grad_(False)
    network.load_state_dict({name: torch.from_numpy(values) for name, values in states.items()})
    return network
