"""The tensors of released checkpoints: found, checked against our networks, read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from a2p_backend.actors.manifest import ActorError
from a2p_backend.actors.restricted_pickle import RestrictedPickleError, StoredTensor
from kinematics.errors import A2PError

Stored = Mapping[str, StoredTensor]
"""The tensors of a network in an open checkpoint, by their keys."""

COMPUTED = r"(.*\.)?(rotary\.freqs|pe|.*resampler\.kernel)"
"""Keys of constants that the original stores and we compute."""


def part_of(content: Any, key: str, path: Path) -> Any:
    """An entry of a checkpoint. Raises ActorError where there is none."""
    if not isinstance(content, dict) or key not in content:
        raise ActorError(f"{path} is not the released file: it has no {key}; get the file again.")
    return content[key]


def state_of(content: Any, path: Path) -> dict[str, StoredTensor]:
    """A state dict, without the prefix that training on several GPUs leaves on every key.

    Raises ActorError where the content is something else.
    """
    tensors = content if isinstance(content, dict) else {}
    if not tensors or not all(
        isinstance(key, str) and isinstance(value, StoredTensor) for key, value in tensors.items()
    ):
        raise ActorError(f"{path} is not the released file: it holds no network's tensors.")
    if all(key.startswith("module.") for key in tensors):
        return below(tensors, "module.")
    return tensors


def below(stored: Stored, prefix: str) -> dict[str, StoredTensor]:
    """The tensors of a part of the network, by their keys in it."""
    return {key.removeprefix(prefix): value for key, value in stored.items() if key.startswith(prefix)}


def fitting_weights(stored: Any, network: nn.Module, path: Path, unused: str) -> dict[str, Tensor]:
    """The network's weights, read, once their keys and shapes are what the network has.

    unused: pattern of the keys that the file may hold besides.

    Raises ActorError with the first key that is missing, too many, or of another shape.
    """
    stored = state_of(stored, path)
    expected = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    found = {
        key: value.shape for key, value in stored.items() if key in expected or not re.fullmatch(unused, key)
    }
    for key in sorted(expected.keys() | found.keys()):
        if expected.get(key) != found.get(key):
            raise ActorError(
                f"{path} is not the released network: {key} is {_shape_text(found.get(key))}, "
                f"where {_shape_text(expected.get(key))} belongs; get the file again."
            )
    weights = {key: stored[key].read() for key in expected}
    return {key: value.float() if value.is_floating_point() else value for key, value in weights.items()}


def check_copy(copy: StoredTensor, original: Tensor, path: Path, original_path: Path | None) -> None:
    """Raises ActorError where a frozen network's tensor is not the same in two files."""
    if not torch.equal(copy.read().to(original.dtype), original):
        raise ActorError(
            f"{path} was trained with another speech network than {original_path}: "
            "use the files of one release."
        )


def without_memory(build: Callable[[], nn.Module]) -> nn.Module:
    """A network that has shapes only."""
    with torch.device("meta"):
        return build()


def as_numpy(value: Any) -> Any:
    """The same structure with its tensors read."""
    if isinstance(value, StoredTensor):
        return value.read().numpy()
    if isinstance(value, dict):
        return {key: as_numpy(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple) and any(
        isinstance(entry, dict | list | StoredTensor) for entry in value
    ):
        return [as_numpy(entry) for entry in value]
    return value


@contextmanager
def naming(*paths: Path) -> Iterator[None]:
    """Names the files in what is found wrong with them."""
    where = " or ".join(map(str, paths))
    try:
        yield
    except RestrictedPickleError:
        raise
    except KeyError as error:
        raise ActorError(f"{where} is not the released file: it has no {error}; get it again.") from error
    except (ValueError, TypeError) as error:
        raise ActorError(f"{where} is not the released file: {error}; get it again.") from error
    except A2PError as error:
        if any(str(path) in str(error) for path in paths):
            raise
        raise ActorError(
            f"{where} is not the released file: {str(error).rstrip('.')}; get it again."
        ) from error


def _shape_text(shape: tuple[int, ...] | None) -> str:
    return "nothing" if shape is None else " x ".join(map(str, shape)) or "one number"
