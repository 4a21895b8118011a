"""Where actors live: the one in the package, and the user's own folder."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from a2p_backend.actors.manifest import MANIFEST_NAME, ActorError

HOME_VARIABLE = "A2P_ACTORS"


def packaged_actors() -> Path:
    """The folder of actors that come with the package."""
    return Path(__file__).parent


def user_actors() -> Path:
    """The folder of the user's actors; the environment variable A2P_ACTORS moves it."""
    home = os.environ.get(HOME_VARIABLE)
    return Path(home) if home else Path(platformdirs.user_data_dir("a2p", appauthor=False)) / "actors"


def actor_folders() -> dict[str, Path]:
    """Every installed actor's folder by name; a user's actor hides a packaged one of the same name."""
    found: dict[str, Path] = {}
    for home in (packaged_actors(), user_actors()):
        if home.is_dir():
            found.update({path.parent.name: path.parent for path in sorted(home.glob(f"*/{MANIFEST_NAME}"))})
    return found


def find_actor(name: str) -> Path:
    """The folder of the actor called `name`.

    Raises:
        ActorError: no actor of that name is installed; the message lists those that are.
    """
    folders = actor_folders()
    try:
        return folders[name]
    except KeyError:
        known = ", ".join(sorted(folders)) or "none"
        raise ActorError(f"No actor is called {name!r}; installed: {known}. See `a2p actors list`.") from None
