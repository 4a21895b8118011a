"""Makes an actor of released files: reads them as data, checks every tensor, stores safetensors and JSON.

Ng et al., "From Audio to Photoreal Embodiment" (2024). The checkpoints of the motion networks hold the frozen
speech networks once more. These are stored once, and the copies have to agree.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from torch import Tensor

from a2p_backend.actors.actor import ARCHITECTURES, BODY_FILE, LipNetworkConfig, save_weights
from a2p_backend.actors.addresses import ArchiveName, where_to_get
from a2p_backend.actors.manifest import (
    AVATAR_FOLDER,
    NAME_PATTERN,
    ActorError,
    ActorManifest,
    NetworkEntry,
    NetworkName,
)
from a2p_backend.actors.registry import actor_folders, user_actors
from a2p_backend.actors.released_avatar import convert_avatar
from a2p_backend.actors.released_configs import (
    codec_config,
    fairseq_config,
    film_config,
    guide_config,
    lip_config,
)
from a2p_backend.actors.released_folder import Checkpoint, ReleasedFolder, released_name
from a2p_backend.actors.released_tensors import (
    COMPUTED,
    Stored,
    as_numpy,
    below,
    check_copy,
    fitting_weights,
    naming,
    part_of,
    state_of,
    without_memory,
)
from a2p_backend.actors.restricted_pickle import open_checkpoint
from a2p_backend.actors.statistics import Statistics
from a2p_backend.audio.wav2vec import VQWav2Vec, Wav2Vec, Wav2VecConfig
from kinematics.body import Body, body_from_legacy
from kinematics.errors import A2PError

FEATURES_FILE = "features.safetensors"

OnStep = Callable[[str], None]
"""Hears what is being done."""

_FROZEN_AUDIO, _FROZEN_LIP = "audio_model.", "lip_model."
_PASSED_OVER = ("torch", "fairseq", "omegaconf", "yacs", "fvcore", "easydict", "pathlib")
"""Libraries whose objects may lie in released files beside what is needed: schedulers, meters, settings."""


@dataclass(frozen=True)
class AddedActor:
    """What came of released files."""

    manifest: ActorManifest
    folder: Path
    notes: tuple[str, ...]
    """What the actor cannot do, and which files would change that; one sentence each."""


def add_released_actor(
    name: str, source: Path, *, replace: bool = False, on_step: OnStep = lambda step: None
) -> AddedActor:
    """Adds the released actor in the folder `source` to the user's actors, whole or not at all.

    Args:
        replace: whether an actor of that name may be replaced.

    Raises:
        ActorError: without the files every part needs, with a file that is not the released one, or where
            the name is taken.
        RestrictedPickleError: a file is damaged or wants to be more than data.
    """
    if not re.fullmatch(NAME_PATTERN, name):
        raise ActorError(f"{name!r} cannot name an actor: use letters, digits, dots, dashes, underscores.")
    home = user_actors()
    target = home / name
    if (name in actor_folders() or target.exists()) and not (replace and target.is_dir()):
        raise ActorError(f"An actor {name} is there already: choose another name, or say --replace.")
    files = ReleasedFolder.find(source, name)
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".adding-", dir=home) as workspace:
        folder = Path(workspace) / name
        folder.mkdir()
        manifest, notes = _Conversion(files, folder, on_step).run(name)
        manifest.write(folder)
        if target.is_dir():
            target.rename(Path(workspace) / "replaced")
        folder.rename(target)
    return AddedActor(manifest, target, notes)


def remove_actor(name: str) -> Path:
    """Deletes one of the user's actors and returns where it was. Raises ActorError where there is none."""
    folder = user_actors() / name
    if actor_folders().get(name) != folder:
        raise ActorError(f"No actor called {name!r} was added, so that none can be removed.")
    with tempfile.TemporaryDirectory(prefix=".removing-", dir=folder.parent) as workspace:
        folder.rename(Path(workspace) / "removed")  # so that nobody sees it half gone
    return folder


@dataclass(frozen=True)
class _Features:
    """The audio features, once they are stored."""

    entry: dict[str, Any]
    """Of the manifest."""
    width: int
    weights: Mapping[str, Tensor]
    path: Path
    """vq-wav2vec.pt"""


@dataclass
class _Conversion:
    """One actor on its way from released files to its own folder."""

    files: ReleasedFolder
    folder: Path
    on_step: OnStep
    notes: list[str] = field(default_factory=list)
    used: list[Path] = field(default_factory=list)

    def run(self, name: str) -> tuple[ActorManifest, tuple[str, ...]]:
        self._statistics()
        features = self._features()
        networks: dict[NetworkName, NetworkEntry] = {
            **self._face(features),
            **self._codec_and_guide(features),
            **self._body_denoiser(features),
        }
        if not networks:
            raise ActorError(
                f"{self.files.root} holds no network of an actor (checkpoints/diffusion/c1_face and others): "
                f"{where_to_get('models')}."
            )
        own_body = self._body(name)
        avatar = self._avatar(name) if own_body else False
        self.on_step("checksums")
        manifest = ActorManifest(
            name=name,
            title=f"{released_name(name) or name} (released with audio2photoreal)",
            licence="CC BY-NC 4.0",
            features=features.entry,
            networks=networks,
            body="own" if own_body else "default",
            avatar="codec" if avatar else None,
            sources={path.relative_to(self.files.root).as_posix(): _sha256(path) for path in self.used},
        )
        return manifest, tuple(self.notes)

    def _statistics(self) -> None:
        path = self._needed(self.files.statistics, "data_stats.pth", "dataset")
        self.on_step("statistics")
        with open_checkpoint(path) as content:
            read_statistics(content, path).save(self.folder / "statistics.safetensors")

    def _features(self) -> _Features:
        path = self._needed(self.files.audio, "vq-wav2vec.pt", "assets")
        self.on_step("audio features")
        with open_checkpoint(path, _PASSED_OVER) as content:
            config = fairseq_config(content, path, aggregator=False)
            network = without_memory(lambda: Wav2Vec(config))
            unused = r"(feature_aggregator|vector_quantizer|wav2vec_predictions)\..*"
            weights = fitting_weights(part_of(content, "model", path), network, path, unused)
        file = save_weights(self.folder / FEATURES_FILE, weights)
        entry = {"kind": VQWav2Vec.kind, "weights": file, **dataclasses.asdict(config)}
        return _Features(entry, without_memory(lambda: VQWav2Vec(config)).width, weights, path)

    def _face(self, features: _Features) -> dict[NetworkName, NetworkEntry]:
        checkpoint = self.files.face
        lip_audio = self.files.lip_audio
        if checkpoint is None or lip_audio is None:
            lacking, archive = (
                ("checkpoints/diffusion/c1_face", "models")
                if checkpoint is None
                else ("wav2vec_large.pt", "assets")
            )
            self._note("The face stays at rest", lacking, archive)
            return {}
        self.on_step("lips")
        with open_checkpoint(lip_audio, _PASSED_OVER) as content:
            lip_audio_config = fairseq_config(content, lip_audio, aggregator=True)
        self.used.append(lip_audio)
        with self._open(checkpoint) as content:
            stored = state_of(content, checkpoint.path)
            lip, vertices = self._lip(below(stored, _FROZEN_LIP), lip_audio_config, checkpoint.path)
            self.on_step("face")
            face = self._film("face", checkpoint, stored, features, features.width + 3 * vertices)
        return {"lip": lip, "face": face}

    def _lip(self, copy: Stored, audio: Wav2VecConfig, face_path: Path) -> tuple[NetworkEntry, int]:
        """Stores the lip regressor; also returns how many vertices it has.

        copy: what the face's checkpoint holds of it, which is what the original performs with.
        """
        path = self.files.lip
        if path is None:
            if not copy:
                raise ActorError(
                    f"{face_path} holds no lips, and iter-0200000.pt is missing: {where_to_get('assets')}."
                )
            return self._store_lip(copy, audio, face_path)
        self.used.append(path)
        with open_checkpoint(path, _PASSED_OVER) as content:
            stored = state_of(part_of(content, "model_state_dict", path), path)
            entry, vertices = self._store_lip(stored, audio, path)
            for key in copy.keys() & stored.keys():
                check_copy(copy[key], stored[key].read(), face_path, path)
        return entry, vertices

    def _store_lip(self, stored: Stored, audio: Wav2VecConfig, path: Path) -> tuple[NetworkEntry, int]:
        with naming(path):
            config = LipNetworkConfig(lip_config(stored), audio)
        entry = self._store("lip", stored, config, path, r"(.*\.)?wav2vec_predictions\..*")
        return entry, config.regressor.vertices

    def _codec_and_guide(self, features: _Features) -> dict[NetworkName, NetworkEntry]:
        codec, guide = self.files.codec, self.files.guide
        if codec is None or guide is None:
            lacking = "checkpoints/vq/c1_pose" if codec is None else "checkpoints/guide/c1_pose"
            self._note("The body keeps its mean pose", lacking, "models")
            return {}
        self.on_step("codec")
        with self._open(codec) as content, naming(codec.path, codec.args):
            stored = state_of(part_of(content, "net", codec.path), codec.path)
            codes = codec_config(stored, codec.read_args())
            codec_entry = self._store("codec", stored, codes, codec.path, r"decoder\.project_mean_shape\..*")
        self.on_step("guide")
        with self._open(guide) as content, naming(guide.path, guide.args):
            stored = state_of(part_of(content, "model_state_dict", guide.path), guide.path)
            config = guide_config(stored, guide.read_args(), codes)
            self._check_ears(guide.path, stored, config.audio_width, features, features.width)
            guide_entry = self._store("guide", stored, config, guide.path)
        return {"codec": codec_entry, "guide": guide_entry}

    def _body_denoiser(self, features: _Features) -> dict[NetworkName, NetworkEntry]:
        checkpoint = self.files.body
        if checkpoint is None:
            self._note("The body keeps its mean pose", "checkpoints/diffusion/c1_pose", "models")
            return {}
        self.on_step("body")
        with self._open(checkpoint) as content:
            stored = state_of(content, checkpoint.path)
            return {"body": self._film("body", checkpoint, stored, features, features.width)}

    def _film(
        self,
        name: Literal["face", "body"],
        checkpoint: Checkpoint,
        stored: Stored,
        features: _Features,
        hears: int,
    ) -> NetworkEntry:
        """Stores a denoiser, which hears so many numbers a step."""
        path = checkpoint.path
        with naming(path, checkpoint.args):
            config = film_config(name, stored, checkpoint.read_args())
        self._check_ears(path, stored, config.audio_width, features, hears)
        return self._store(name, stored, config, path)

    def _check_ears(self, path: Path, stored: Stored, width: int, features: _Features, hears: int) -> None:
        """Whether a network was trained with the speech networks that it is going to hear."""
        if width != hears:
            raise ActorError(f"{path} hears {width} numbers a step, but the speech networks give {hears}.")
        copy = below(stored, _FROZEN_AUDIO)
        for key in copy.keys() & features.weights.keys():
            check_copy(copy[key], features.weights[key], path, features.path)

    def _store(
        self, name: NetworkName, stored: Stored, config: Any, path: Path, unused: str = r"(?!)"
    ) -> NetworkEntry:
        """Checks a network's tensors against our network of this configuration, and stores them."""
        described = dataclasses.asdict(config)
        network = without_memory(lambda: ARCHITECTURES[name](**described))
        frozen = rf"({re.escape(_FROZEN_AUDIO)}|{re.escape(_FROZEN_LIP)}).*"
        weights = fitting_weights(stored, network, path, rf"{frozen}|{COMPUTED}|{unused}")
        return NetworkEntry(file=save_weights(self.folder / f"{name}.safetensors", weights), config=described)

    def _body(self, name: str) -> bool:
        """Stores the actor's own body, and says whether there is one."""
        path = self.files.body_assets
        if path is None:
            self._note("It has the default actor's skeleton", "ca_body/data/NAME/static_assets.pt", "avatar")
            return False
        self.on_step("body assets")
        try:
            with open_checkpoint(path, _PASSED_OVER) as content:
                body = read_body(name, content, path)
        except A2PError as error:
            self.notes.append(f"It has the default actor's skeleton: {error}")
            return False
        np.savez_compressed(self.folder / BODY_FILE, **body.to_arrays())
        self.used.append(path)
        return True

    def _avatar(self, name: str) -> bool:
        """Stores the actor's codec avatar, and says whether there is one. Motion does without."""
        files = self.files
        if files.avatar is None or files.avatar_config is None or files.body_assets is None:
            lacking = "body_dec.ckpt" if files.avatar is None else "config.yml"
            self._note("Its plate shows the bare mesh", f"ca_body/data/NAME/{lacking}", "avatar")
            return False
        self.on_step("avatar")
        target = self.folder / AVATAR_FOLDER
        try:
            convert_avatar(
                name,
                target,
                assets=files.body_assets,
                checkpoint=files.avatar,
                config=files.avatar_config,
                defaults=files.render_defaults,
                inert=_PASSED_OVER,
            )
        except A2PError as error:
            shutil.rmtree(target, ignore_errors=True)
            self.notes.append(f"Its plate shows the bare mesh: {error}")
            return False
        self.used += [files.avatar, files.avatar_config]
        if files.render_defaults is None:
            self._note("Views are those of the add-on's cameras", f"render_defaults_{name}.pth", "avatar")
        else:
            self.used.append(files.render_defaults)
        return True

    @contextmanager
    def _open(self, checkpoint: Checkpoint) -> Iterator[Any]:
        self.used += [checkpoint.path, checkpoint.args]
        with open_checkpoint(checkpoint.path, _PASSED_OVER) as content:
            yield content

    def _needed(self, path: Path | None, what: str, archive: ArchiveName) -> Path:
        """The path, which no actor can do without."""
        if path is None:
            raise ActorError(f"{self.files.root} lacks {what}: {where_to_get(archive)}.")
        self.used.append(path)
        return path

    def _note(self, consequence: str, lacking: str, archive: ArchiveName) -> None:
        self.notes.append(f"{consequence}, for there is no {lacking}: {where_to_get(archive)}.")


def read_statistics(content: Any, path: Path) -> Statistics:
    """Statistics from the content of a data_stats.pth. Raises A2PError where it holds something else."""
    named = {
        "pose_mean": "pose_mean",
        "pose_std": "pose_std",
        "face_mean": "code_mean",
        "face_std": "code_std",
        "audio_mean": "audio_mean",
    }
    with naming(path):
        values = {ours: np.asarray(part_of(content, theirs, path)) for ours, theirs in named.items()}
        return Statistics(**values, audio_std=np.reshape(part_of(content, "audio_std_flat", path), ()))


def read_body(name: str, content: Any, path: Path) -> Body:
    """The body in a static_assets.pt, in the actor's own shape. Raises A2PError."""
    model, config, scales, template = (
        as_numpy(part_of(content, key, path))
        for key in ("lbs_model_json", "lbs_config_dict", "lbs_scale", "lbs_template_verts")
    )
    body = body_from_legacy(name, model, config, scales)
    if body.mesh is None or np.shape(template) != body.mesh.vertices.shape:
        raise ActorError(f"{path} holds a mesh and a template that do not fit each other.")
    return dataclasses.replace(body, mesh=dataclasses.replace(body.mesh, vertices=template))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
