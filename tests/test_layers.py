"""Imports point down: the layers of CONTRIBUTING.md, checked from the code.

The rules are the table below. Every module's source is read, imports inside functions and under TYPE_CHECKING
included; neither torch nor Blender is needed. What an import loads indirectly is checked in a fresh Python.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

BLENDER = frozenset(
    {"bpy", "mathutils", "aud", "gpu", "gpu_extras", "blf", "bmesh", "bpy_extras", "bl_ui", "addon_utils"}
)
TORCH = frozenset({"torch", "torchaudio", "pytorch3d", "diffusers"})


@dataclass(frozen=True)
class Layer:
    """One row: what a package, and all below it that has no row of its own, may import besides itself."""

    name: str
    below: tuple[str, ...] = ()  # rows of this table
    libraries: tuple[str, ...] | None = None  # None: any but Blender's

    def may_import_library(self, library: str) -> bool:
        if self.libraries is None:
            return library not in BLENDER
        return library in self.libraries


NUMPY = ("numpy",)
CARRIED = ("kinematics", "a2p_backend", "a2p_backend.wire")  # what travels into Blender
ROOMS = tuple(f"a2p_backend.{room}" for room in ("audio", "motion", "avatar"))
ACTORS = (*CARRIED, *ROOMS, "a2p_backend.actors")
PERFORMER = (*ACTORS, "a2p_backend.performer", "a2p_backend.pieces")
BLENDER_PROCESS = "a2p_backend.blender_process"

LAYERS = (
    # package, what it may import of the project, and of libraries
    Layer("kinematics", (), NUMPY),
    Layer("a2p_backend", (), ()),
    Layer(BLENDER_PROCESS, ("kinematics",), ()),
    Layer("a2p_backend.free_memory", (), ()),
    Layer("a2p_backend.wire", ("kinematics", "a2p_backend"), (*NUMPY, "zmq")),
    Layer("a2p_backend.audio", CARRIED),
    Layer("a2p_backend.motion", CARRIED),
    Layer("a2p_backend.avatar", CARRIED),
    Layer("a2p_backend.actors", (*CARRIED, *ROOMS)),
    Layer("a2p_backend.performer", ACTORS),
    Layer("a2p_backend.pieces", (*ACTORS, "a2p_backend.performer", "a2p_backend.free_memory")),
    Layer("a2p_backend.server", PERFORMER),
    Layer("a2p_backend.training", (*PERFORMER, BLENDER_PROCESS)),
    Layer("a2p_backend.batch", PERFORMER),
    Layer("a2p_backend.bench", PERFORMER),
    Layer(
        "a2p_backend.cli",
        (
            *PERFORMER,
            BLENDER_PROCESS,
            *(f"a2p_backend.{room}" for room in ("server", "training", "batch", "bench")),
        ),
    ),
    Layer("blender_addon", CARRIED, (*NUMPY, *sorted(BLENDER))),
)
PACKAGES = ("kinematics", "a2p_backend", "blender_addon")

LIGHT_MODULES = ("kinematics", "a2p_backend", "a2p_backend.wire")
HEAVY = TORCH | BLENDER | {"scipy", "soundfile", "av", "moderngl", "safetensors", "pydantic", "typer", "rich"}


def modules_of(root: Path) -> dict[str, Path]:
    """Source file of each module of the project's packages, by dotted name."""
    modules = {}
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            modules[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return modules


def imports_of(module: str, path: Path, modules: dict[str, Path]) -> Iterator[tuple[int, str]]:
    """Line and full dotted name of everything that a module imports, relative imports resolved."""
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            source = ".".join([*base, *(node.module.split(".") if node.module else [])])
            for alias in node.names:
                # `from package import name` imports a module where there is one of that name.
                submodule = f"{source}.{alias.name}"
                yield node.lineno, submodule if submodule in modules else source


def layer_of(module: str) -> Layer:
    """The row with the longest name that holds a module."""
    rows = [row for row in LAYERS if module == row.name or module.startswith(row.name + ".")]
    return max(rows, key=lambda row: len(row.name))


def breaches(root: Path) -> list[str]:
    """One line for each import under `root` that the table forbids."""
    modules = modules_of(root)
    found = []
    for module, path in modules.items():
        layer = layer_of(module)
        for line, imported in imports_of(module, path, modules):
            library = imported.split(".")[0]
            if library in PACKAGES:
                other = layer_of(imported)
                allowed = other == layer or other.name in layer.below
            else:
                allowed = library in sys.stdlib_module_names or layer.may_import_library(library)
            if not allowed:
                found.append(
                    f"{path.relative_to(root).as_posix()}:{line}: {layer.name} must not import {imported}"
                )
    return found


def test_imports_point_down():
    assert breaches(ROOT) == []


def test_every_backend_room_has_a_row():
    rooms = {
        ".".join(module.split(".")[:2]) for module in modules_of(ROOT) if module.startswith("a2p_backend.")
    }
    assert rooms <= {row.name for row in LAYERS}


def test_a_made_up_breach_of_each_kind_is_caught(tmp_path):
    sources = {
        "kinematics/__init__.py": "import json\nimport numpy as np\n",
        "kinematics/pose.py": "def load():\n    import scipy.spatial\n",
        "a2p_backend/__init__.py": "",
        "a2p_backend/wire/__init__.py": "import zmq\nfrom kinematics import pose\n",
        "a2p_backend/wire/client.py": "from .. import motion\n",
        "a2p_backend/motion/__init__.py": "import torch\nfrom . import __doc__\n",
        "a2p_backend/audio/__init__.py": (
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ..motion import x\n"
        ),
        "a2p_backend/actors/__init__.py": "from ..motion import x\nimport bpy\n",
        "a2p_backend/server/__init__.py": "from ..training import x\n",
        "a2p_backend/training/__init__.py": "",
        "blender_addon/__init__.py": "import bpy\nfrom a2p_backend import wire\nfrom . import panels\n",
        "blender_addon/panels.py": "from a2p_backend import actors\nimport torch\n",
    }
    for name, source in sources.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source, encoding="utf-8")

    assert breaches(tmp_path) == [
        "kinematics/pose.py:2: kinematics must not import scipy.spatial",
        "a2p_backend/actors/__init__.py:2: a2p_backend.actors must not import bpy",
        "a2p_backend/audio/__init__.py:3: a2p_backend.audio must not import a2p_backend.motion",
        "a2p_backend/server/__init__.py:1: a2p_backend.server must not import a2p_backend.training",
        "a2p_backend/wire/client.py:1: a2p_backend.wire must not import a2p_backend.motion",
        "blender_addon/panels.py:1: blender_addon must not import a2p_backend.actors",
        "blender_addon/panels.py:2: blender_addon must not import torch",
    ]


def test_what_travels_into_blender_parses_in_its_oldest_python():
    for module, path in modules_of(ROOT).items():
        if layer_of(module).name in (*CARRIED, "blender_addon"):
            ast.parse(path.read_text(encoding="utf-8"), str(path), feature_version=(3, 10))


@pytest.mark.parametrize("module", LIGHT_MODULES)
def test_importing_loads_nothing_heavy(module):
    names = ", ".join(repr(name) for name in sorted(HEAVY))
    code = f"import sys, {module}; print(*sorted({{{names}}} & sys.modules.keys()))"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert result.stdout.strip() == ""
