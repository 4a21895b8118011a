"""The program: see the package."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kinematics.errors import A2PError

from .. import character as program
from ..scene.import_rig import what_happened
from .arrays import mesh_arrays, posed
from .opening import find_character, open_file, prepared
from .pictures import LIGHTS, pictures

CHARACTER_FILE = "character.npz"
EXIT_USER_ERROR = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; returns the process's exit code."""
    parser = argparse.ArgumentParser(prog="python -m blender_addon.character", description=program.__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--size", type=int, default=768, help="pixels along a picture's side")
    parser.add_argument("--views", type=int, default=12, help="a sixth of the pictures; 0 for none")
    parser.add_argument("--light", choices=LIGHTS, default=LIGHTS[0])
    parser.add_argument(
        "--poses",
        type=Path,
        help="an .npz with rotation (P, J, 4), location (P, J, 3), codes (P, E): no pictures then",
    )
    options = parser.parse_args(arguments)
    try:
        character = prepared(find_character(open_file(options.file), options.file))
        if options.poses is not None:
            with np.load(options.poses, allow_pickle=False) as asked:
                arrays = posed(character, asked["rotation"], asked["location"], asked["codes"])
        elif options.views == 0:
            arrays = mesh_arrays(character)
        else:
            shown = pictures(character, options.size, options.views, options.light)
            arrays = {**mesh_arrays(character), **shown}
    except (A2PError, RuntimeError) as error:
        print(f"error: {what_happened(error)}.", file=sys.stderr)
        return EXIT_USER_ERROR
    options.out.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(options.out / CHARACTER_FILE, **arrays)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
