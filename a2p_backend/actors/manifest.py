"""What an actor's folder says of itself: `actor.json`, read strictly.

actor.json              this file's subject
statistics.safetensors  means and standard deviations of the training motion and audio
features.safetensors    the audio network, where the actor's features have one
face.safetensors        face denoiser        (any network may be absent: the actor then cannot do that part)
lip.safetensors         lip regressor, where the face denoiser hears lips besides the features
guide.safetensors       guide transformer
codec.safetensors       residual VQ codec of the guide poses
body.safetensors        body denoiser
skeleton.npz            the actor's own body, unless `body` says "default"
avatar/                 what draws the actor, where `avatar` says so; see `a2p_backend.actors.portrait`
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from a2p_backend.wire.settings import MAX_GUIDANCE, RELEASED_BODY_GUIDANCE, RELEASED_FACE_GUIDANCE
from kinematics.errors import A2PError
from kinematics.files import read_text, whole_file

FORMAT = 1
MANIFEST_NAME = "actor.json"
MAX_MANIFEST_BYTES = 1 << 20
AVATAR_FOLDER = "avatar"
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
NetworkName = Literal["face", "lip", "guide", "codec", "body"]


class ActorError(A2PError):
    """An actor is missing, incomplete, or not what its manifest says."""


class NetworkEntry(BaseModel):
    """One network: its weights' file, beside the manifest, and the numbers that build it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: str
    config: dict[str, Any] = Field(default_factory=dict)

    @field_validator("file")
    @classmethod
    def _stays_in_the_folder(cls, file: str) -> str:
        if Path(file).name != file:
            raise ValueError("must be a plain file name beside actor.json")
        return file


class ActorDefaults(BaseModel):
    """Guidance scales that suit this actor; a request that names none gets these."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    face_guidance: float = Field(default=RELEASED_FACE_GUIDANCE, ge=0.0, le=MAX_GUIDANCE)
    body_guidance: float = Field(default=RELEASED_BODY_GUIDANCE, ge=0.0, le=MAX_GUIDANCE)


class ActorManifest(BaseModel):
    """The content of `actor.json`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = FORMAT
    name: str = Field(pattern=NAME_PATTERN)
    title: str = ""
    licence: str = ""
    fps: Literal[30] = 30
    features: dict[str, Any]
    networks: dict[NetworkName, NetworkEntry]
    statistics: str = "statistics.safetensors"
    body: Literal["default", "own"] = "default"
    avatar: Literal["codec", "trained"] | None = None
    """What its plate is drawn by; None: its own mesh."""
    face_codes: tuple[str, ...] = ()
    defaults: ActorDefaults = ActorDefaults()
    sources: dict[str, str] = Field(default_factory=dict)
    """Of an actor that was made from released files: their names and SHA-256."""

    @classmethod
    def read(cls, folder: Path) -> ActorManifest:
        """Reads `folder`/actor.json.

        Raises:
            ActorError: there is no such file, or it is not a manifest of this format.
        """
        path = folder / MANIFEST_NAME
        try:
            text = read_text(path, MAX_MANIFEST_BYTES)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise ActorError(
                f"{folder} is not an actor's folder: {path.name} cannot be read ({reason})."
            ) from error
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the file"
            raise ActorError(
                f"{path} is not a valid actor manifest: {where}: {first['msg']}; add the actor anew."
            ) from error

    def write(self, folder: Path) -> None:
        """Writes `folder`/actor.json whole or not at all."""
        with whole_file(folder / MANIFEST_NAME) as file:
            file.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")
