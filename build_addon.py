"""Build the Blender add-on's installable zips.

    python build_addon.py [--out dist] [--offline] [--split-platforms]

`a2p-VERSION.zip` is the extension for Blender 4.2 and later. Blender installs the wheels that it brings:
pyzmq's for each Python and platform, and one small pure wheel of `kinematics` and `a2p_backend.wire`.

`a2p-legacy-VERSION.zip` is for Blender before 4.2, which knows no wheels: the same packages, unpacked under
`a2p/vendor`, from where `blender_addon/vendoring.py` picks the ones that fit.

Both bring a folder `backend` for Install Backend: the whole project as a wheel, the versions that are known
to work with it (constraints.txt), and pip, which not every Python has.

Wheels of others are downloaded once into build/wheels and compared with the checksums below. The same sources
make the same bytes, whenever they are built.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import io
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import tomllib

from a2p_backend import __version__

ROOT = Path(__file__).resolve().parent
ADDON = ROOT / "blender_addon"
MANIFEST = ADDON / "blender_manifest.toml"
CACHE = ROOT / "build" / "wheels"

# Not the newest: 26.4 has one wheel for each Python. Later ones have cp312-abi3 for Python 3.12 and up, but
# on 3.13 Blender refuses an extension with cp311 and abi3 wheels: it reads the pair as "Python 3.11 only".
# constraints.txt names the same, so that both ends of the wire are tested with what the zips bring.
PYZMQ = "26.4.0"
PIP = "26.3"

# Blender 3.1 to 4.0 run on Python 3.10, 4.1 to 5.0 on 3.11 (and Debian's 3.4), 5.1 and 5.2 on 3.13.
LEGACY_PYTHONS = ("310", "311")
EXTENSION_PYTHONS = ("311", "313")
LEGACY_BLENDER_MIN = (3, 4, 0)

ZIP_TIME = (1980, 1, 1, 0, 0, 0)  # the oldest that a zip can say


class BuildError(Exception):
    """The zips cannot be built; the message says why and what to do."""


class DownloadError(BuildError):
    """A wheel is not in the cache and could not be downloaded."""


@dataclass(frozen=True)
class Platform:
    """One kind of machine: its wheels' tag, Blender's names, and `sysconfig.get_platform()`'s."""

    wheel_tag: str
    blender_names: tuple[str, ...]
    sysconfig_name: str
    legacy: bool = True

    @property
    def pip_name(self) -> str:
        """What pip is asked for; a tag may hold several names, the last of them understood by every pip."""
        return self.wheel_tag.rpartition(".")[2]


PLATFORMS = (
    Platform("manylinux_2_28_x86_64", ("linux-x64",), "linux-x86_64"),
    Platform("manylinux_2_17_aarch64.manylinux2014_aarch64", ("linux-arm64",), "linux-aarch64"),
    Platform("win_amd64", ("windows-x64",), "win-amd64"),
    Platform(
        "win_arm64", ("windows-arm64",), "win-arm64", legacy=False
    ),  # Blender for it begins with 4.2's time
    Platform("macosx_10_15_universal2", ("macos-arm64", "macos-x64"), "macosx-universal2"),
)


class Wheel(Protocol):
    """A wheel of others."""

    @property
    def filename(self) -> str: ...

    @property
    def checksum(self) -> str:
        """Its SHA-256, in hexadecimal, as the package index states it."""
        ...

    @property
    def request(self) -> tuple[str, ...]:
        """pip's arguments that name it."""
        ...


@dataclass(frozen=True)
class BinaryWheel:
    """pyzmq's wheel for one Python (`311` is 3.11) and platform."""

    python: str
    platform: Platform

    @property
    def filename(self) -> str:
        return f"pyzmq-{PYZMQ}-cp{self.python}-cp{self.python}-{self.platform.wheel_tag}.whl"

    @property
    def checksum(self) -> str:
        return CHECKSUMS[self.python, self.platform.sysconfig_name]

    @property
    def request(self) -> tuple[str, ...]:
        python = ("--implementation", "cp", "--abi", f"cp{self.python}", "--python-version", self.python)
        return (*python, "--platform", self.platform.pip_name, f"pyzmq=={PYZMQ}")

    @property
    def vendor_folder(self) -> str:
        """Where the legacy add-on keeps it: see `blender_addon.vendoring.binary_folder_name`."""
        return f"cp{self.python}-{self.platform.sysconfig_name}"


EXTENSION_WHEELS = tuple(
    BinaryWheel(python, platform) for python in EXTENSION_PYTHONS for platform in PLATFORMS
)
LEGACY_WHEELS = tuple(
    BinaryWheel(python, platform) for python in LEGACY_PYTHONS for platform in PLATFORMS if platform.legacy
)


@dataclass(frozen=True)
class PipWheel:
    """pip's wheel, for any Python and platform."""

    filename: str = f"pip-{PIP}-py3-none-any.whl"
    checksum: str = "f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13"
    request: tuple[str, ...] = (f"pip=={PIP}",)


PIP_WHEEL = PipWheel()

# By Python and platform. Change them with PYZMQ.
CHECKSUMS = {
    ("310", "macosx-universal2"): "0329bdf83e170ac133f44a233fc651f6ed66ef8e66693b5af7d54f45d1ef5918",
    ("310", "linux-aarch64"): "398a825d2dea96227cf6460ce0a174cf7657d6f6827807d4d1ae9d0f9ae64315",
    ("310", "linux-x86_64"): "7dacb06a9c83b007cc01e8e5277f94c95c453c5851aac5e83efe93e72226353f",
    ("310", "win-amd64"): "fa59e1f5a224b5e04dc6c101d7186058efa68288c2d714aa12d27603ae93318b",
    ("311", "macosx-universal2"): "bfcf82644c9b45ddd7cd2a041f3ff8dce4a0904429b74d73a439e8cab1bd9e54",
    ("311", "linux-aarch64"): "e9bcae3979b2654d5289d3490742378b2f3ce804b0b5fd42036074e2bf35b030",
    ("311", "linux-x86_64"): "2f9f7ffe9db1187a253fca95191854b3fda24696f086e8789d1d449308a34b88",
    ("311", "win-amd64"): "963977ac8baed7058c1e126014f3fe58b3773f45c78cce7af5c26c09b6823896",
    ("311", "win-arm64"): "c0c8e8cadc81e44cc5088fcd53b9b3b4ce9344815f6c4a03aec653509296fae3",
    ("313", "macosx-universal2"): "c43fac689880f5174d6fc864857d1247fe5cfa22b09ed058a344ca92bf5301e3",
    ("313", "linux-aarch64"): "902aca7eba477657c5fb81c808318460328758e8367ecdd1964b6330c73cae43",
    ("313", "linux-x86_64"): "6332452034be001bbf3206ac59c0d2a7713de5f25bb38b06519fc6967b7cf771",
    ("313", "win-amd64"): "23ecc9d241004c10e8b4f49d12ac064cd7000e1643343944a10df98e57bc544b",
    ("313", "win-arm64"): "1edb0385c7f025045d6e0f759d4d3afe43c17a3d898914ec6582e6f464203c08",
}


W = TypeVar("W", bound=Wheel)


def checksum(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def download(wheel: Wheel, cache: Path) -> None:
    """Let pip fetch one wheel into the cache.

    Raises:
        DownloadError: pip failed: no network, or no such wheel.
    """
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", "--dest", str(cache), *wheel.request]
    print(f"  downloading {wheel.filename}", flush=True)
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if result.returncode != 0:
        reason = result.stderr.strip().splitlines()[-1:] or ["pip gave no reason"]
        raise DownloadError(f"could not download {wheel.filename}: {reason[0]}")


def fetch_wheels(wheels: Iterable[W], cache: Path, *, offline: bool) -> dict[W, Path]:
    """Return each wheel's file in the cache, downloaded where it was missing and checked always.

    Raises:
        DownloadError: a wheel is missing and cannot be fetched.
        BuildError: a wheel is not the file that was tested.
    """
    cache.mkdir(parents=True, exist_ok=True)
    found = {}
    for wheel in wheels:
        path = cache / wheel.filename
        if not path.is_file():
            if offline:
                raise DownloadError(f"{path} is missing: run once without --offline to download it")
            download(wheel, cache)
        if checksum(path) != wheel.checksum:
            raise BuildError(f"{path} has an unexpected checksum: delete it and build again")
        found[wheel] = path
    return found


def source_files(folder: Path, *, prefix: str = "") -> dict[str, bytes]:
    """Files under a package folder that are worth shipping, as archive name -> contents."""
    files = {}
    for path in folder.rglob("*"):
        relative = path.relative_to(folder)
        if path.is_file() and "__pycache__" not in relative.parts and not path.name.startswith("."):
            files[prefix + relative.as_posix()] = path.read_bytes()
    return files


def write_zip(files: Mapping[str, bytes]) -> bytes:
    """A zip whose bytes depend on the names and contents alone: sorted, without times, fixed modes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, date_time=ZIP_TIME)
            entry.create_system = 3  # Unix, on whichever system this runs
            entry.external_attr = 0o100644 << 16
            entry.compress_type = zipfile.ZIP_STORED if name.endswith(".whl") else zipfile.ZIP_DEFLATED
            archive.writestr(entry, files[name], compresslevel=9)
    return buffer.getvalue()


def pure_packages() -> dict[str, bytes]:
    """`kinematics` and the part of `a2p_backend` that needs no more than numpy and pyzmq."""
    return {
        **source_files(ROOT / "kinematics", prefix="kinematics/"),
        "a2p_backend/__init__.py": (ROOT / "a2p_backend" / "__init__.py").read_bytes(),
        **source_files(ROOT / "a2p_backend" / "wire", prefix="a2p_backend/wire/"),
    }


def pure_wheel() -> tuple[str, bytes]:
    """File name and bytes of the wheel of `pure_packages`.

    Its version tells its content too: Blender takes a wheel of a name that is installed for the same wheel.
    """
    files = pure_packages()
    content = hashlib.sha256(write_zip(files)).hexdigest()[:12]
    metadata = [
        "Summary: The part of a2p that travels inside the Blender add-on",
        "Requires-Python: >=3.10",
        "Requires-Dist: numpy",
        "Requires-Dist: pyzmq",
    ]
    return make_wheel("a2p-wire", f"{__version__}+{content}", files, metadata)


def project_wheel() -> tuple[str, bytes]:
    """File name and bytes of the wheel of the whole project, as pyproject.toml describes it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    metadata = [f"Summary: {project['description']}", f"Requires-Python: {project['requires-python']}"]
    metadata += [f"Requires-Dist: {requirement}" for requirement in project["dependencies"]]
    for extra, requirements in project["optional-dependencies"].items():
        metadata.append(f"Provides-Extra: {extra}")
        metadata += [f'Requires-Dist: {requirement}; extra == "{extra}"' for requirement in requirements]
    files: dict[str, bytes] = {}
    for package in ("kinematics", "a2p_backend", "blender_addon"):
        files |= source_files(ROOT / package, prefix=f"{package}/")
    return make_wheel(project["name"], __version__, files, metadata, project["scripts"])


def make_wheel(
    name: str,
    version: str,
    files: Mapping[str, bytes],
    metadata: Iterable[str],
    scripts: Mapping[str, str] | None = None,
) -> tuple[str, bytes]:
    """File name and bytes of a wheel for any Python and platform (binary distribution format 1.0).

    metadata: lines after the name and version. scripts: programs and the functions that they call.
    """
    stem = f"{name.replace('-', '_')}-{version}"
    info = f"{stem}.dist-info"
    files = dict(files)
    files[f"{info}/METADATA"] = "".join(
        f"{line}\n"
        for line in (
            "Metadata-Version: 2.1",
            f"Name: {name}",
            f"Version: {version}",
            "License: GPL-3.0-or-later",
            *metadata,
        )
    ).encode()
    files[f"{info}/WHEEL"] = (
        b"Wheel-Version: 1.0\nGenerator: build_addon\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    )
    files[f"{info}/LICENSE"] = (ROOT / "LICENSE").read_bytes()
    if scripts:
        lines = ["[console_scripts]", *(f"{program} = {function}" for program, function in scripts.items())]
        files[f"{info}/entry_points.txt"] = "".join(f"{line}\n" for line in lines).encode()
    lines = []
    for name in sorted(files):
        digest = base64.urlsafe_b64encode(hashlib.sha256(files[name]).digest()).rstrip(b"=").decode()
        lines.append(f"{name},sha256={digest},{len(files[name])}\n")
    lines.append(f"{info}/RECORD,,\n")
    files[f"{info}/RECORD"] = "".join(lines).encode()
    return f"{stem}-py3-none-any.whl", write_zip(files)


def backend_files(pip: Path) -> dict[str, bytes]:
    """What Install Backend installs from, see `blender_addon.services.bundle`. pip: its wheel."""
    name, contents = project_wheel()
    return {
        f"backend/{name}": contents,
        f"backend/{pip.name}": pip.read_bytes(),
        "backend/constraints.txt": (ROOT / "constraints.txt").read_bytes(),
    }


def read_manifest(path: Path = MANIFEST) -> dict[str, object]:
    """The manifest's values.

    Raises:
        BuildError: its version is not the project's.
    """
    manifest = tomllib.loads(path.read_text(encoding="utf-8"))
    if manifest["version"] != __version__:
        raise BuildError(
            f"{path.name} says {manifest['version']}, a2p_backend is {__version__}: make them equal"
        )
    return manifest


def shipped_manifest(platforms: Iterable[str], wheels: Iterable[str]) -> bytes:
    """The source manifest with the lists that depend on what is in the zip."""
    lines = MANIFEST.read_text(encoding="utf-8").splitlines(keepends=True)
    first_table = next(index for index, line in enumerate(lines) if line.startswith("["))
    added = [
        "platforms = [" + ", ".join(f'"{name}"' for name in sorted(platforms)) + "]\n",
        "wheels = [\n" + "".join(f'    "./wheels/{name}",\n' for name in sorted(wheels)) + "]\n\n",
    ]
    return "".join(lines[:first_table] + added + lines[first_table:]).encode()


def extension_zip(wheels: Mapping[BinaryWheel, Path], backend: Mapping[str, bytes]) -> bytes:
    """The extension for Blender 4.2 and later, with these pyzmq wheels and `backend_files`."""
    read_manifest()
    pure_name, pure_bytes = pure_wheel()
    bundled = {pure_name: pure_bytes} | {wheel.filename: path.read_bytes() for wheel, path in wheels.items()}
    platforms = {name for wheel in wheels for name in wheel.platform.blender_names}
    files = source_files(ADDON)
    files["LICENSE"] = (ROOT / "LICENSE").read_bytes()
    files["blender_manifest.toml"] = shipped_manifest(platforms, bundled)
    files.update({f"wheels/{name}": contents for name, contents in bundled.items()})
    return write_zip(files | dict(backend))


def bl_info() -> dict[str, object]:
    """The legacy description of the add-on, from the manifest."""
    manifest = read_manifest()
    return {
        "name": manifest["name"],
        "author": manifest["maintainer"],
        "description": manifest["tagline"],
        "version": tuple(int(part) for part in __version__.split(".")[:3]),
        "blender": LEGACY_BLENDER_MIN,
        "location": "3D View > Sidebar > A2P",
        "category": "Animation",
    }


def legacy_zip(wheels: Mapping[BinaryWheel, Path], backend: Mapping[str, bytes]) -> bytes:
    """The add-on for Blender before 4.2, with these pyzmq wheels under `vendor`, and `backend_files`."""
    files = {name: data for name, data in source_files(ADDON).items() if name != "blender_manifest.toml"}
    # At the end, since a module begins with its docstring and `from __future__`; Blender finds it anywhere.
    files["__init__.py"] += f"\nbl_info = {bl_info()!r}\n".encode()
    files["LICENSE"] = (ROOT / "LICENSE").read_bytes()
    files.update({f"vendor/pure/{name}": data for name, data in pure_packages().items()})
    for wheel, path in wheels.items():
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if not name.endswith("/") and not name.startswith("zmq/tests/"):
                    files[f"vendor/{wheel.vendor_folder}/{name}"] = archive.read(name)
    return write_zip({f"a2p/{name}": data for name, data in (files | dict(backend)).items()})


def save(path: Path, contents: bytes) -> Path:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(contents)
    temporary.replace(path)
    print(f"  {path}  {len(contents) / 1e6:.1f} MB", flush=True)
    return path


def build(
    out: Path, *, offline: bool = False, split_platforms: bool = False, cache: Path = CACHE
) -> list[Path]:
    """Build the zips into `out`; return the paths of the extension (one, or one a platform), then the legacy.

    Raises:
        BuildError: the version numbers disagree, or a wheel cannot be had.
    """
    read_manifest()
    found = fetch_wheels(dict.fromkeys(EXTENSION_WHEELS + LEGACY_WHEELS), cache, offline=offline)
    backend = backend_files(fetch_wheels([PIP_WHEEL], cache, offline=offline)[PIP_WHEEL])
    groups = {"": EXTENSION_WHEELS}
    if split_platforms:
        groups = {
            "-" + platform.sysconfig_name: tuple(
                wheel for wheel in EXTENSION_WHEELS if wheel.platform is platform
            )
            for platform in PLATFORMS
        }
    built = [
        save(
            out / f"a2p-{__version__}{suffix}.zip",
            extension_zip({wheel: found[wheel] for wheel in wheels}, backend),
        )
        for suffix, wheels in groups.items()
    ]
    legacy = legacy_zip({wheel: found[wheel] for wheel in LEGACY_WHEELS}, backend)
    return [*built, save(out / f"a2p-legacy-{__version__}.zip", legacy)]


def main() -> int:
    """Command line; returns the exit status."""
    parser = argparse.ArgumentParser(description="Build the installable zips of the Blender add-on.")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="folder for the zips (dist)")
    parser.add_argument(
        "--offline", action="store_true", help="use the wheels in build/wheels, download nothing"
    )
    parser.add_argument(
        "--split-platforms", action="store_true", help="one smaller extension zip per platform"
    )
    arguments = parser.parse_args()
    try:
        print(f"Building the add-on, version {__version__}", flush=True)
        extension, *_ = build(
            arguments.out, offline=arguments.offline, split_platforms=arguments.split_platforms
        )
    except BuildError as error:
        print(f"build_addon: {error}", file=sys.stderr)
        return 1
    print(
        f"Next: in Blender 4.2 or later, Preferences > Get Extensions > Install from Disk, {extension.name}; "
        "in older ones, Preferences > Add-ons > Install, the legacy zip."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
