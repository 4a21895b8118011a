"""The body file: a skeleton and its skinned mesh in the legacy Momentum JSON format."""

from __future__ import annotations

from pathlib import Path

from kinematics.errors import A2PError
from kinematics.files import read_json
from kinematics.skeleton import Skeleton, skeleton_from_legacy
from kinematics.skinning import SkinnedMesh, mesh_from_legacy

_LARGEST_FILE = 1 << 28


class BodyFileError(A2PError):
    """A body file that cannot be read."""


def read_body_json(path: str | Path) -> tuple[Skeleton, SkinnedMesh]:
    """The skeleton and skinned mesh of a body file in the legacy Momentum JSON format.

    Raises BodyFileError where the file is missing, is not that format, or does not fit together.
    """
    path = Path(path)
    try:
        document = read_json(path, _LARGEST_FILE)
    except OSError as error:
        raise BodyFileError(f"The body file {path} cannot be opened: {error.strerror}.") from error
    except ValueError as error:
        raise BodyFileError(f"The body file {path} is not JSON that can be read: {error}.") from error
    if not isinstance(document, dict) or not {"Skeleton", "SkinnedModel"} <= document.keys():
        raise BodyFileError(f"{path} is not a body file: it needs the objects 'Skeleton' and 'SkinnedModel'.")
    try:
        skeleton = skeleton_from_legacy(document["Skeleton"])
        mesh = mesh_from_legacy(document["SkinnedModel"], len(skeleton))
    except (KeyError, IndexError, TypeError, ValueError, OverflowError) as error:
        reason = f"{error} is missing" if isinstance(error, KeyError) else error
        raise BodyFileError(f"The body file {path} does not fit together: {reason}.") from error
    return skeleton, mesh
