"""The add-on's zips install and run in Blender as an animator would install them.

Blender runs in processes that see numpy and Blender alone: whatever else imports there came out of the zip.
"""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import tomllib

import build_addon
from a2p_backend import __version__

ROOT = Path(__file__).resolve().parents[1]

needs_bpy = pytest.mark.skipif(importlib.util.find_spec("bpy") is None, reason="bpy is not installed")

# Ends by printing one line of JSON: where the bundled packages were found, and whether they work.
PROBE = """
import json, a2p_backend.wire, kinematics, zmq
context = zmq.Context()
left, right = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
right.connect("tcp://127.0.0.1:%d" % left.bind_to_random_port("tcp://127.0.0.1"))
right.send(b"over the wire")
assert left.poll(5000) and left.recv() == b"over the wire"
context.destroy(linger=0)
print("\\n" + json.dumps([module.__file__ for module in (kinematics, a2p_backend, zmq)]))
"""


def load_vendoring(path: Path):
    """`vendoring` alone: importing the add-on's package would need Blender."""
    spec = importlib.util.spec_from_file_location("vendoring", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(command: list[str | Path], **environment: str | Path) -> str:
    """Standard output of a command that succeeds."""
    result = subprocess.run(
        [str(part) for part in command],
        env=os.environ | {name: str(value) for name, value in environment.items()},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def bundled_files(output: str) -> list[Path]:
    """What PROBE printed."""
    return [Path(name) for name in json.loads(re.findall(r"^\[.*\]$", output, re.MULTILINE)[-1])]


@pytest.fixture(scope="session")
def zips(tmp_path_factory) -> tuple[Path, Path]:
    """Extension and legacy zip, built once."""
    try:
        extension, legacy = build_addon.build(tmp_path_factory.mktemp("dist"))
    except build_addon.DownloadError as error:
        pytest.skip(str(error))
    return extension, legacy


@pytest.fixture
def bare_python(tmp_path) -> list[str | Path]:
    """A command that runs code in this Python with no packages but numpy, and bpy where it is installed."""
    site = tmp_path / "site"
    site.mkdir()
    for package in ("bpy", "numpy"):
        spec = importlib.util.find_spec(package)
        if spec is not None:
            folder = Path(spec.submodule_search_locations[0])
            (site / package).symlink_to(folder)
            if (libraries := folder.with_name(f"{package}.libs")).is_dir():
                (site / libraries.name).symlink_to(libraries)
    return [
        sys.executable,
        "-I",
        "-S",
        "-c",
        f"import sys; sys.path.append({str(site)!r}); exec(sys.argv.pop(1))",
    ]


def test_one_version_number(zips):
    manifest = tomllib.loads(build_addon.MANIFEST.read_text(encoding="utf-8"))
    with zipfile.ZipFile(zips[1]) as archive:
        statements = ast.parse(archive.read("a2p/__init__.py")).body
    (bl_info,) = (
        ast.literal_eval(statement.value)
        for statement in statements
        if isinstance(statement, ast.Assign) and statement.targets[0].id == "bl_info"
    )
    assert manifest["version"] == __version__
    assert ".".join(map(str, bl_info["version"])) == __version__
    assert f"## [{__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_the_zips_bring_the_backend_as_pyproject_describes_it(zips, tmp_path):
    """pip's own reading of the wheel; and pip runs out of its wheel, as Install Backend runs it."""
    with zipfile.ZipFile(zips[0]) as extension, zipfile.ZipFile(zips[1]) as legacy:
        names = [name for name in extension.namelist() if name.startswith("a2p/backend/")]
        extension.extractall(tmp_path, names)
        for name in names:
            assert legacy.read(name) == extension.read(name)
    backend = tmp_path / "a2p/backend"
    (wheel,), (pip,) = backend.glob("a2p-*.whl"), backend.glob("pip-*.whl")
    assert (backend / "constraints.txt").read_bytes() == (ROOT / "constraints.txt").read_bytes()

    target = tmp_path / "installed"
    run([sys.executable, pip / "pip", "install", "-q", "--no-deps", "--no-index", "-t", target, wheel])
    (found,) = importlib.metadata.distributions(name="a2p", path=[str(target)])
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["record"]]
    assert set(wanted) <= {requirement.partition(";")[0].strip() for requirement in found.requires}
    assert {point.name: point.value for point in found.entry_points} == project["scripts"]
    assert found.metadata["Requires-Python"] == project["requires-python"]
    assert (target / "a2p_backend/actors/default/body.safetensors").is_file()


def test_other_content_is_another_wheel_to_blender(monkeypatch):
    files, (name, _) = build_addon.pure_packages(), build_addon.pure_wheel()
    monkeypatch.setattr(build_addon, "pure_packages", lambda: files | {"kinematics/more.py": b""})
    assert build_addon.pure_wheel()[0] != name


def test_both_ends_of_the_wire_are_tested_with_one_pyzmq():
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert f"pyzmq=={build_addon.PYZMQ}" in constraints


def test_the_archives_depend_on_contents_alone(zips):
    for path in zips:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
        assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
        assert {entry.date_time for entry in entries} == {build_addon.ZIP_TIME}
        assert not [entry.filename for entry in entries if "__pycache__" in entry.filename]


def test_a_wheel_that_is_not_the_tested_one_is_refused(tmp_path):
    wheel = build_addon.EXTENSION_WHEELS[0]
    with pytest.raises(build_addon.DownloadError, match="run once without --offline"):
        build_addon.fetch_wheels([wheel], tmp_path, offline=True)
    (tmp_path / wheel.filename).write_bytes(b"something else")
    with pytest.raises(build_addon.BuildError, match="unexpected checksum"):
        build_addon.fetch_wheels([wheel], tmp_path, offline=True)


def test_a_zip_for_one_platform_has_its_wheels_only(zips, tmp_path, monkeypatch):
    monkeypatch.setattr(build_addon, "backend_files", lambda pip: {})  # megabytes that are the same in each
    linux, *_ = build_addon.build(tmp_path, offline=True, split_platforms=True)
    with zipfile.ZipFile(linux) as archive:
        manifest = tomllib.loads(archive.read("a2p/blender_manifest.toml").decode())
        names = [name.removeprefix("a2p/") for name in archive.namelist()]
    assert sorted(manifest["wheels"]) == sorted(f"./{name}" for name in names if name.startswith("wheels/"))
    assert manifest["platforms"] == ["linux-x64"]
    assert len(manifest["wheels"]) == 1 + len(build_addon.EXTENSION_PYTHONS)


@pytest.mark.bpy
@needs_bpy
def test_blenders_own_tool_accepts_the_extension(zips):
    bpy_folder = Path(importlib.util.find_spec("bpy").submodule_search_locations[0])
    (tool,) = bpy_folder.glob("*/scripts/addons_core/bl_pkg/cli/blender_ext.py")
    run([sys.executable, tool, "validate", zips[0]])


@pytest.mark.bpy
@needs_bpy
def test_the_extension_installs_from_disk(zips, bare_python, tmp_path):
    install = f"""
import bpy
bpy.ops.extensions.package_install_files(
    filepath={str(zips[0])!r}, repo="user_default", enable_on_install=True
)
assert "bl_ext.user_default.a2p" in bpy.context.preferences.addons
bpy.ops.a2p.generate.get_rna_type()
{PROBE}
bpy.ops.preferences.addon_disable(module="bl_ext.user_default.a2p")
assert "bl_ext.user_default.a2p" not in bpy.context.preferences.addons
"""
    user = tmp_path / "user"
    user.mkdir()
    output = run([*bare_python, install], BLENDER_USER_RESOURCES=user)
    for file in bundled_files(output):
        assert file.is_relative_to(user / "extensions"), f"{file} did not come from the extension"


def test_the_legacy_add_on_finds_its_bundled_packages(zips, bare_python, tmp_path):
    with zipfile.ZipFile(zips[1]) as archive:
        archive.extractall(tmp_path)
    add_on = tmp_path / "a2p"
    wanted = load_vendoring(add_on / "vendoring.py").binary_folder_name()
    if not (add_on / "vendor" / wanted).is_dir():
        pytest.skip(f"no Blender before 4.2 runs on {wanted}")
    # The module alone, since the add-on itself needs Blender.
    prepare = f"sys.path.insert(0, {str(add_on)!r}); import vendoring; vendoring.ensure_importable()"
    output = run([*bare_python, f"import sys; {prepare}\n{PROBE}"])
    for file in bundled_files(output):
        assert file.is_relative_to(add_on / "vendor"), f"{file} did not come from the add-on"


def test_a_python_that_the_legacy_add_on_does_not_know_is_named(tmp_path, monkeypatch):
    vendoring = load_vendoring(build_addon.ADDON / "vendoring.py")
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(vendoring, "find_spec", lambda name: None)
    (tmp_path / "pure").mkdir()
    (tmp_path / "cp27-win-amd64").mkdir()
    with pytest.raises(ImportError, match=f"cp27-win-amd64, but .* needs {vendoring.binary_folder_name()}"):
        vendoring.ensure_importable(tmp_path)


def test_a_wheel_of_the_stable_abi_is_named_for_every_python_that_it_serves():
    named = {wheel.shipped_name for wheel in build_addon.EXTENSION_WHEELS if "cp314" in wheel.shipped_name}
    assert len(named) == len(build_addon.PLATFORMS)
    assert not any("abi3" in name for name in named)


def test_the_extension_names_the_other_zip_where_blender_installs_no_wheels(tmp_path, monkeypatch):
    vendoring = load_vendoring(build_addon.ADDON / "vendoring.py")
    monkeypatch.setattr(vendoring, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match="a2p-legacy"):
        vendoring.ensure_importable(tmp_path / "vendor")


def legacy_blender() -> str | None:
    """The path of an installed Blender before 4.2."""
    path = shutil.which("blender")
    if path is None:
        return None
    version = re.search(r"Blender (\d+)\.(\d+)", run([path, "--version"]))
    return path if (int(version[1]), int(version[2])) < (4, 2) else None


def test_the_legacy_add_on_runs_in_an_old_blender(zips, tmp_path):
    blender = legacy_blender()
    if blender is None:
        pytest.skip("no `blender` before 4.2 on PATH (Debian 12: apt-get install blender)")
    with zipfile.ZipFile(zips[1]) as archive:
        archive.extractall(tmp_path / "addons")
    enable = (
        "import addon_utils, bpy\n"
        "assert addon_utils.enable('a2p') is not None\n"
        "bpy.ops.a2p.generate.get_rna_type()\n"
        f"{PROBE}\n"
        "addon_utils.disable('a2p')\n"
    )
    output = run(
        [blender, "--background", "--factory-startup", "--python-exit-code", "1", "--python-expr", enable],
        BLENDER_USER_SCRIPTS=tmp_path,
    )
    assert len(bundled_files(output)) == 3
