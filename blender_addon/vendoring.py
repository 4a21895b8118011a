"""The bundled packages of the legacy add-on, for Blender before 4.2.

From 4.2 on Blender installs the wheels that the extension brings, and a developer has the packages installed;
in both cases there is no `vendor` folder and nothing to do. The legacy zip has one:

    vendor/pure/                   kinematics, a2p_backend.wire
    vendor/cp310-linux-x86_64/     zmq for that Python and platform
    vendor/cp311-win-amd64/        ...
    vendor/abi3-win-amd64/         for Python 3.12 and later

`build_addon.py` unpacks them when it makes the zip: on the animator's machine nothing is written or fetched.
"""

from __future__ import annotations

import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path

VENDOR = Path(__file__).resolve().parent / "vendor"
_STABLE_SINCE = (3, 12)
"""The oldest Python for which pyzmq keeps to the stable ABI: one build serves it and all later ones."""


def binary_folder_name() -> str:
    """Name of the folder that holds compiled modules for the running Python, such as `cp311-win-amd64`."""
    version = sys.version_info[:2]
    abi = "abi3" if version >= _STABLE_SINCE else f"cp{version[0]}{version[1]}"
    platform = sysconfig.get_platform()
    if platform.startswith("macosx"):
        platform = "macosx-universal2"
    return f"{abi}-{platform}"


def ensure_importable(vendor: Path = VENDOR) -> None:
    """Put the bundled packages on `sys.path`, each only where Python does not find it already.

    Raises:
        ImportError: the add-on brings no pyzmq for this Python and platform, and none is installed; or it is
            the extension, in a Blender that knows none.
    """
    if not vendor.is_dir():
        if find_spec("a2p_backend") is None:
            raise ImportError(
                "what a2p needs was not installed with it: before Blender 4.2 remove it and install the "
                "a2p-legacy zip of the same release; in later ones install its zip anew"
            )
        return
    if find_spec("a2p_backend") is None:
        # In front, so that some other package named `kinematics` is not mistaken for ours.
        sys.path.insert(0, str(vendor / "pure"))
    if find_spec("zmq") is None:
        binaries = vendor / binary_folder_name()
        if not binaries.is_dir():
            known = ", ".join(sorted(folder.name for folder in vendor.iterdir() if folder.name != "pure"))
            raise ImportError(
                f"a2p brings pyzmq for {known}, but this Blender needs {binaries.name}: "
                "install pyzmq into Blender's Python, or use Blender 4.2 or later with the a2p extension"
            )
        sys.path.append(str(binaries))
