"""`a2p doctor`: what works here, and one line on how to mend what does not."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec

import typer
import zmq

import a2p_backend
from a2p_backend import blender_process
from a2p_backend.cli.console import console, loading
from a2p_backend.wire.client import Client
from a2p_backend.wire.endpoint import default_endpoint_path, read_endpoint
from kinematics.errors import A2PError

LIBRARIES = ("numpy", "scipy", "torch", "torchaudio", "pyzmq", "soundfile", "av", "safetensors", "moderngl")
LOOPBACK_TIMEOUT_MS = 2000


@dataclass(frozen=True)
class Finding:
    """One line. `remedy` is what to do; None where all is well. `needed`: nothing works without it."""

    subject: str
    found: str
    remedy: str | None = None
    needed: bool = False


def doctor() -> None:
    """Check this installation. The exit status is 1 when something is missing that generation needs."""
    findings: list[Finding] = []
    with loading("Looking around"):
        for check in CHECKS:
            findings.extend(check())
    for finding in findings:
        mark, style = ("ok", "green") if finding.remedy is None else ("warn", "yellow")
        if finding.remedy is not None and finding.needed:
            mark, style = "bad", "bold red"
        console.print(f"{mark:<5}", style=style, end="")
        remedy = f": {finding.remedy}" if finding.remedy else ""
        console.print(f"{finding.subject:<15}{finding.found}{remedy}", markup=False)
    if any(finding.needed and finding.remedy for finding in findings):
        raise typer.Exit(1)


def _versions() -> Iterator[Finding]:
    yield Finding(
        "a2p", f"{a2p_backend.__version__}, Python {platform.python_version()}, {platform.platform()}"
    )
    installed, missing = [], []
    for name in LIBRARIES:
        try:
            installed.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    yield Finding("libraries", ", ".join(installed))
    if missing:
        yield Finding(
            "libraries",
            f"missing {', '.join(missing)}",
            "install the backend anew: Install Backend in Blender, or `make setup`",
            True,
        )


def _torch() -> Iterator[Finding]:
    try:
        import torch
    except (ImportError, OSError) as error:
        yield Finding("networks", f"PyTorch does not load ({error})", "install torch anew", needed=True)
        return
    if torch.cuda.is_available():
        yield Finding("networks", f"on {torch.cuda.get_device_name()}")
    else:
        yield Finding("networks", f"on the CPU, {torch.get_num_threads()} threads; no CUDA device")


def _rasterisers() -> Iterator[Finding]:
    try:
        import moderngl

        options = {"backend": "egl"} if sys.platform == "linux" else {}
        context = moderngl.create_standalone_context(require=330, **options)
        renderer = context.info["GL_RENDERER"]
        context.release()
        yield Finding("OpenGL", renderer)
    except Exception as error:  # drivers fail in their own ways; all of them mean the same here
        remedy = "plates need it where there is no CUDA (Debian: apt install libegl1 libgl1-mesa-dri)"
        yield Finding("OpenGL", f"no context ({error})", remedy)
    if find_spec("pytorch3d") is None:
        yield Finding("PyTorch3D", "not installed; only plates on CUDA use it (`pip install easypytorch3d`)")
    else:
        yield Finding("PyTorch3D", "found")


def _helpers() -> Iterator[Finding]:
    if not blender_process.is_installed():
        remedy = f"`{blender_process.INSTALL}` to export FBX without Blender, or use Blender itself"
        yield Finding("bpy", "not installed", remedy)
    else:
        yield Finding("bpy", importlib.metadata.version("bpy"))
    espeak = shutil.which("espeak-ng")
    if espeak is None:
        yield Finding(
            "espeak-ng", "not found", "needed only to synthesise a dataset (Debian: apt install espeak-ng)"
        )
    else:
        yield Finding("espeak-ng", espeak)


def _microphone() -> Iterator[Finding]:
    try:
        from a2p_backend.audio.microphone import MicrophoneError, SystemMicrophone
    except (ImportError, OSError) as error:  # without torch, which is told in its own line
        yield Finding("microphone", f"unknown ({error})")
        return
    try:
        yield Finding("microphone", SystemMicrophone().name())
    except MicrophoneError as error:
        yield Finding("microphone", error.problem, error.remedy)


def _default_actor() -> Iterator[Finding]:
    try:
        from a2p_backend.actors.manifest import ActorManifest
        from a2p_backend.actors.registry import find_actor
        from a2p_backend.wire.settings import DEFAULT_ACTOR

        folder = find_actor(DEFAULT_ACTOR)
        manifest = ActorManifest.read(folder)
        files = [manifest.statistics, *(entry.file for entry in manifest.networks.values())]
        missing = [file for file in files if not (folder / file).is_file()]
        if missing:
            raise A2PError(f"{missing[0]} is missing in {folder}")
        yield Finding("default actor", f"{', '.join(manifest.networks)} in {folder}")
    except (ImportError, A2PError) as error:
        yield Finding(
            "default actor",
            str(error).rstrip("."),
            "install the backend anew, or train it with `a2p train`",
            True,
        )


def _loopback() -> Iterator[Finding]:
    """Whether two sockets of this machine reach each other, as Blender and the backend must."""
    with zmq.Context() as context, context.socket(zmq.ROUTER) as server, context.socket(zmq.DEALER) as client:
        server.linger = client.linger = 0
        try:
            client.connect(f"tcp://127.0.0.1:{server.bind_to_random_port('tcp://127.0.0.1')}")
            client.send(b"a2p", flags=zmq.DONTWAIT)
            if not server.poll(LOOPBACK_TIMEOUT_MS):
                raise TimeoutError("no answer")
        except (zmq.ZMQError, TimeoutError) as error:
            yield Finding(
                "loopback", f"127.0.0.1 fails ({error})", "allow local connections in the firewall", True
            )
        else:
            yield Finding("loopback", "127.0.0.1 answers")


def _backend() -> Iterator[Finding]:
    path = default_endpoint_path()
    if not path.exists():
        yield Finding("backend", f"not running (no {path}); `a2p serve` starts it")
        return
    try:
        with Client(read_endpoint(path), timeout=LOOPBACK_TIMEOUT_MS / 1000) as client:
            info = client.hello()
        yield Finding("backend", f"{info.version} on {info.device} answers at {client.endpoint.address}")
    except A2PError as error:
        yield Finding("backend", str(error).rstrip("."), "start it anew with `a2p serve`")


CHECKS: tuple[Callable[[], Iterator[Finding]], ...] = (
    _versions,
    _torch,
    _rasterisers,
    _helpers,
    _microphone,
    _default_actor,
    _loopback,
    _backend,
)
