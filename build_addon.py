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

# constraints.txt names the same, so that both ends of the wire are tested with what the zips bring.
PYZMQ = "27.3.0"
PIP = "26.3"

# Blender 3.1 to 4.0 run on Python 3.10, 4.1 to 5.0 on 3.11, 5.1 and 5.2 on 3.13; Linux distributions build
# them with theirs, up to 3.14. pyzmq's wheel for 3.12 keeps to the stable ABI and serves all that follow.
LEGACY_PYTHONS = ("310", "311", "312")
EXTENSION_PYTHONS = ("311", "312")
STABLE_PYTHON = "312"
STABLE_SERVES = ("cp312", "cp313", "cp314", "cp315", "cp316")
LEGACY_BLENDER_MIN, EXTENSION_BLENDER_MIN = (3, 4, 0), (4, 2, 0)

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
    Platform("manylinux_2_26_x86_64.manylinux_2_28_x86_64", ("linux-x64",), "linux-x86_64"),
    Platform("manylinux_2_26_aarch64.manylinux_2_28_aarch64", ("linux-arm64",), "linux-aarch64"),
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
    """pyzmq's wheel for one Python (`311` is 3.11), or for `STABLE_PYTHON` and later, and platform."""

    python: str
    platform: Platform

    @property
    def filename(self) -> str:
        return f"pyzmq-{PYZMQ}-cp{self.python}-{self._abi}-{self.platform.wheel_tag}.whl"

    @property
    def shipped_name(self) -> str:
        """What the wheel is called in the extension.

        Blender takes one with wheels for cp311 and for abi3 to be for Python 3.11 only. So each Python is
        named, and the ABI left out.
        """
        if self.python != STABLE_PYTHON:
            return self.filename
        return f"pyzmq-{PYZMQ}-{'.'.join(STABLE_SERVES)}-none-{self.platform.wheel_tag}.whl"

    @property
    def checksum(self) -> str:
        return CHECKSUMS[self.python, self.platform.sysconfig_name]

    @property
    def request(self) -> tuple[str, ...]:
        python = ("--implementation", "cp", "--abi", self._abi, "--python-version", self.python)
        return (*python, "--platform", self.platform.pip_name, f"pyzmq=={PYZMQ}")

    @property
    def vendor_folder(self) -> str:
        """Where the legacy add-on keeps it: see `blender_addon.vendoring.binary_folder_name`."""
        return f"{self._abi}-{self.platform.sysconfig_name}"

    @property
    def _abi(self) -> str:
        return "abi3" if self.python == STABLE_PYTHON else f"cp{self.python}"


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
    ("310", "macosx-universal2"): "de47ad29f7fed1a466e0ef34b13ca307cf24aba77c0a21c87e6cae649ad29669",
    ("310", "linux-aarch64"): "fe0ed75bccf62838682f2615c33aebbb6bc658ab2697afd6932c7919f3b26cba",
    ("310", "linux-x86_64"): "e84d88c42ac2ea32314aaa9ef879da16c372ebfb8ad6f2ce1953d88538b44831",
    ("310", "win-amd64"): "d968d0c2bd7a35c73d62b32fba05e8c2061a6614870e8ec132a6667bc72f24e9",
    ("311", "macosx-universal2"): "86fb4408797aabb54a31e147176ae0f2474d99f1715a36a4564089eca9ef9ce8",
    ("311", "linux-aarch64"): "f3d14fc8a7b85156c67e3f6ebbe8f2af2f89da2a407997a66e2a578e1bdabf6a",
    ("311", "linux-x86_64"): "477b8ad30d66fc905c5388351e83b9ac25824b00e82c0d052b72ea6392636dfd",
    ("311", "win-amd64"): "df98c790f86b6aa2378b4bb94dec7b85b0adb195b880b41e429a4990aed2a8c9",
    ("311", "win-arm64"): "652d68fb398e714540d8a577cef81c548c61394c721bc1b996b5a4028e89f73d",
    ("312", "macosx-universal2"): "15155fd8f308d3bd47f67a8f6cc809f9db90abbf63c514c384a17622e2cf080f",
    ("312", "linux-aarch64"): "ad8b828407caee77ff3ab0bdb2984ee8d48922328b226e8fda7c84a71a55dbb4",
    ("312", "linux-x86_64"): "858fe25231e0fd8612da142efde019faa5ef63fa150a821a27870e791b38c798",
    ("312", "win-amd64"): "3ea8e8fa5c097e68fef91d70b150fda96f307758103868018fc4deeb9c214122",
    ("312", "win-arm64"): "2187a5ca80691a5edb30690f02d9fb714e2c32d3dfdeb652e159ff5da2dd4283",
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
    """The extension for Blender 4.2 and later, with these pyzmq wheels and `backend_files`.

    Older ones, which take any zip and strew what lies at its top among their add-ons, find a folder and a
    description, and are told by `blender_addon.vendoring` when the add-on is enabled.
    """
    pure_name, pure_bytes = pure_wheel()
    bundled = {pure_name: pure_bytes}
    bundled |= {wheel.shipped_name: path.read_bytes() for wheel, path in wheels.items()}
    platforms = {name for wheel in wheels for name in wheel.platform.blender_names}
    files = described_files(
        f" (for Blender {'.'.join(map(str, EXTENSION_BLENDER_MIN[:2]))} and later)", EXTENSION_BLENDER_MIN
    )
    files["LICENSE"] = (ROOT / "LICENSE").read_bytes()
    files["blender_manifest.toml"] = shipped_manifest(platforms, bundled)
    files.update({f"wheels/{name}": contents for name, contents in bundled.items()})
    return in_folder(files | dict(backend))


def in_folder(files: Mapping[str, bytes]) -> bytes:
    """A zip of these files in the add-on's folder."""
    return write_zip({f"a2p/{name}": data for name, data in files.items()})


def described_files(remark: str, blender: tuple[int, int, int]) -> dict[str, bytes]:
    """The add-on's sources with the description that Blender before 4.2 reads: see `bl_info`."""
    files = source_files(ADDON)
    # At the end, since a module begins with its docstring and `from __future__`; Blender finds it anywhere.
    files["__init__.py"] += f"\nbl_info = {bl_info(remark, blender)!r}\n".encode()
    return files


def bl_info(remark: str, blender: tuple[int, int, int]) -> dict[str, object]:
    """The legacy description of the add-on, from the manifest.

    remark: added to its name. blender: the oldest that it is for.
    """
    manifest = read_manifest()
    return {
        "name": f"{manifest['name']}{remark}",
        "author": manifest["maintainer"],
        "description": manifest["tagline"],
        "version": tuple(int(part) for part in __version__.split(".")[:3]),
        "blender": blender,
        "location": "3D View > Sidebar > A2P",
        "category": "Animation",
    }


def legacy_zip(wheels: Mapping[BinaryWheel, Path], backend: Mapping[str, bytes]) -> bytes:
    """The add-on for Blender before 4.2, with these pyzmq wheels under `vendor`, and `backend_files`."""
    files = described_files("", LEGACY_BLENDER_MIN)
    del files["blender_manifest.toml"]
    files["LICENSE"] = (ROOT / "LICENSE").read_bytes()
    files.update({f"vendor/pure/{name}": data for name, data in pure_packages().items()})
    for wheel, path in wheels.items():
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if not name.endswith("/") and not name.startswith("zmq/tests/"):
                    files[f"vendor/{wheel.vendor_folder}/{name}"] = archive.read(name)
    return in_folder(files | dict(backend))


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
