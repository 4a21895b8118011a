"""Where the released files come from: the one table of addresses, which a user's own may replace.

The user's table is `addresses.json` in a2p's configuration folder: a JSON object of lists of addresses by
archive, such as {"models": ["https://mirror.example/{actor}_models.tar"]}. What it does not name stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import platformdirs

from kinematics.errors import A2PError
from kinematics.files import read_json

RELEASED_ACTORS = ("PXB184", "RLW104", "TXB805", "GQS883")

ArchiveName = Literal["models", "assets", "dataset", "avatar"]


class AddressError(A2PError):
    """The user's table of addresses cannot be used."""


@dataclass(frozen=True)
class Archive:
    """A released archive. `{actor}` stands for the actor's name."""

    file: str
    addresses: tuple[str, ...]
    """Mirrors, in the order in which they are tried."""
    contents: str
    members: tuple[str, ...] = ()
    """The files in it that an actor needs, as patterns of their names; all where there are none."""

    def of(self, actor: str) -> Archive:
        """The archive of one actor."""
        return Archive(
            self.file.format(actor=actor),
            tuple(address.format(actor=actor) for address in self.addresses),
            self.contents,
            self.members,
        )


_LARGEST_TABLE = 1 << 20
_MODELS_HOST = "audio2photoreal_models.berkeleyvision.org"

ARCHIVES: Mapping[ArchiveName, Archive] = {
    "models": Archive(
        "{actor}_models.tar",
        (f"https://{_MODELS_HOST}/{{actor}}_models.tar", f"http://{_MODELS_HOST}/{{actor}}_models.tar"),
        "an actor's networks",
        ("args.json", "*.pt", "*.pth"),
    ),
    "assets": Archive(
        "asset_models.tar",
        (f"https://{_MODELS_HOST}/asset_models.tar", f"http://{_MODELS_HOST}/asset_models.tar"),
        "the speech networks that all actors share",
        ("*.pt", "*.pth"),
    ),
    "dataset": Archive(
        "{actor}.zip",
        ("https://github.com/facebookresearch/audio2photoreal/releases/download/v1.0/{actor}.zip",),
        "an actor's recordings, and their statistics",
        ("data_stats.pth",),
    ),
    "avatar": Archive(
        "{actor}.tar.gz",
        ("https://github.com/facebookresearch/ca_body/releases/download/v0.0.1-alpha/{actor}.tar.gz",),
        "an actor's body and codec avatar",
    ),
}


def user_table() -> Path:
    """The file of the user's own addresses, which need not exist."""
    return Path(platformdirs.user_config_dir("a2p", appauthor=False)) / "addresses.json"


def archives(table: Path | None = None) -> Mapping[ArchiveName, Archive]:
    """The archives, with the addresses of the user's table (by default `user_table()`) where it has some.

    Raises:
        AddressError: the table is there, but is not of the form of this module's docstring.
    """
    path = table or user_table()
    try:
        own = read_json(path, _LARGEST_TABLE)
    except FileNotFoundError:
        return ARCHIVES
    except (OSError, ValueError) as error:
        raise AddressError(f"The table of addresses {path} cannot be read: {error}.") from error
    return {name: _with_own_addresses(archive, own, name, path) for name, archive in ARCHIVES.items()}


def _with_own_addresses(archive: Archive, own: object, name: str, path: Path) -> Archive:
    addresses = own.get(name, list(archive.addresses)) if isinstance(own, dict) else None
    if not isinstance(addresses, list) or not all(isinstance(address, str) for address in addresses):
        raise AddressError(
            f"The table of addresses {path} must hold a list of addresses for {name}; "
            f"its archives are {', '.join(ARCHIVES)}."
        )
    return Archive(archive.file, tuple(addresses), archive.contents, archive.members)


def where_to_get(name: ArchiveName) -> str:
    """The end of a sentence on something missing."""
    archive = ARCHIVES[name].of("NAME")
    return f"`a2p actors fetch` gets it, in {archive.file} from {archive.addresses[-1].rsplit('/', 1)[0]}"
