"""Finds the parts of a released actor in a folder into which its archives were unpacked.

checkpoints/diffusion/c1_face/{args.json, model*.pt}              face denoiser
checkpoints/diffusion/c1_pose/{args.json, model*.pt}              body denoiser
checkpoints/guide/c1_pose/{args.json, checkpoints/iter-*.pt}      guide transformer
checkpoints/vq/c1_pose/{args.json, net_*.pth}                     codec of the guide poses
assets/{vq-wav2vec.pt, wav2vec_large.pt, iter-0200000.pt}         speech networks and lips, shared by all
dataset/<actor>/data_stats.pth                                    statistics
ca_body/data/<actor>/static_assets.pt                             skeleton and mesh
ca_body/data/<actor>/{body_dec.ckpt, config.yml}                  codec avatar
assets/render_defaults_<actor>.pth                                the avatar's cameras

Only the last folders and the files count: the archives may lie in each other or side by side.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from a2p_backend.actors.addresses import RELEASED_ACTORS
from a2p_backend.actors.manifest import ActorError
from kinematics.files import read_json

_LARGEST_ARGS = 1 << 20


@dataclass(frozen=True)
class Checkpoint:
    """A trained network's file, and the arguments that it was trained with."""

    path: Path
    args: Path

    def read_args(self) -> dict[str, Any]:
        """Raises ActorError where args.json is no JSON object."""
        try:
            args = read_json(self.args, _LARGEST_ARGS)
        except (OSError, ValueError) as error:
            raise ActorError(f"{self.args} cannot be read: {error}; get the file again.") from error
        if not isinstance(args, dict):
            raise ActorError(f"{self.args} is not what a training wrote; get the file again.")
        return args


@dataclass(frozen=True)
class ReleasedFolder:
    """The files of one actor; what the folder does not hold is None."""

    root: Path
    face: Checkpoint | None
    body: Checkpoint | None
    guide: Checkpoint | None
    codec: Checkpoint | None
    statistics: Path | None
    audio: Path | None
    """vq-wav2vec.pt"""
    lip_audio: Path | None
    """wav2vec_large.pt"""
    lip: Path | None
    """iter-0200000.pt"""
    body_assets: Path | None
    """static_assets.pt"""
    avatar: Path | None
    """body_dec.ckpt"""
    avatar_config: Path | None
    """The config.yml beside it."""
    render_defaults: Path | None

    @classmethod
    def find(cls, root: Path, name: str) -> ReleasedFolder:
        """Looks through `root`; `name`, or the released name in it, decides between several actors' files.

        Raises:
            ActorError: there is no such folder, or it holds a part more than once.
        """
        if not root.is_dir():
            raise ActorError(f"There is no folder {root}: name the one that the released files are in.")
        files = [path for path in sorted(root.rglob("*")) if path.is_file()]

        def one(belongs: Callable[[Path], bool]) -> Path | None:
            return _one([path for path in files if belongs(path.relative_to(root))], root, name)

        def network(kind: str, ending: str, pattern: str) -> Checkpoint | None:
            """The newest of the files below KIND/*ENDING whose names match the pattern."""

            def belongs(path: Path) -> bool:
                return any(
                    outer == kind and inner.endswith(ending)
                    for outer, inner in zip(path.parts, path.parts[1:], strict=False)
                )

            args = one(lambda path: belongs(path) and path.name == "args.json")
            if args is None:
                return None
            found = [path for path in args.parent.rglob("*") if re.fullmatch(pattern, path.name)]
            return Checkpoint(max(found, key=_age), args) if found else None

        guide = network("guide", "_pose", r"iter-\d+\.pt")
        codec = network("vq", "_pose", r"net_(iter\d+|last|best)\.pth")
        avatar = one(lambda path: path.name == "body_dec.ckpt")
        config = None if avatar is None else avatar.with_name("config.yml")
        return cls(
            root=root,
            face=network("diffusion", "_face", r"model\d+\.pt"),
            body=network("diffusion", "_pose", r"model\d+\.pt"),
            guide=guide,
            codec=_codec_of(guide, codec),
            statistics=one(lambda path: path.name == "data_stats.pth"),
            audio=one(lambda path: path.name == "vq-wav2vec.pt"),
            lip_audio=one(lambda path: path.name == "wav2vec_large.pt"),
            lip=one(lambda path: path.name == "iter-0200000.pt" and "guide" not in path.parts),
            body_assets=one(lambda path: path.name == "static_assets.pt"),
            avatar=avatar,
            avatar_config=config if config is not None and config.is_file() else None,
            render_defaults=one(lambda path: re.fullmatch(r"render_defaults\w*\.pth", path.name) is not None),
        )


def released_name(name: str) -> str | None:
    """The released actor that a name speaks of: PXB184 of "PXB184-mine"."""
    return next((actor for actor in RELEASED_ACTORS if actor in name), None)


def _codec_of(guide: Checkpoint | None, newest: Checkpoint | None) -> Checkpoint | None:
    """The codec whose codes the guide writes, which its arguments name; else the newest."""
    if guide is None or newest is None:
        return newest
    named = newest.path.parent / Path(str(guide.read_args().get("resume_pth"))).name
    return Checkpoint(named, newest.args) if named.is_file() else newest


def _one(paths: list[Path], root: Path, name: str) -> Path | None:
    if len(paths) > 1:
        wanted = released_name(name) or name
        paths = [path for path in paths if wanted in str(path.relative_to(root))] or paths
    if len(paths) > 1:
        found = ", ".join(str(path.relative_to(root)) for path in paths[:3])
        raise ActorError(
            f"{root} holds more than one {paths[0].name} ({found}): keep one actor's files in the folder, "
            f"or name the actor after them."
        )
    return paths[0] if paths else None


def _age(path: Path) -> tuple[int, str]:
    """The training step in a file's name; numbered files are newer than net_best and net_last."""
    step = re.search(r"\d+", path.stem)
    return (int(step[0]) if step else -1, path.name)
