"""`a2p serve`: the backend, until it is stopped."""

from __future__ import annotations

import logging
import signal
from pathlib import Path
from typing import Annotated

import typer

from a2p_backend.cli.console import console, loading
from a2p_backend.cli.source import DeviceOption
from a2p_backend.wire.client import Client
from a2p_backend.wire.endpoint import Endpoint, default_endpoint_path
from kinematics.errors import A2PError

GREETING_TIMEOUT = 2.0


def serve(
    endpoint: Annotated[
        Path | None, typer.Option(help="The endpoint file to write. By default, where clients look for it.")
    ] = None,
    device: DeviceOption = None,
) -> None:
    """Run the backend that Blender and `--backend` use; Ctrl-C stops it."""
    path = endpoint or default_endpoint_path()
    _refuse_second(path)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    with loading("Loading the networks' library"):
        from a2p_backend.server.backend import Backend
        from a2p_backend.server.server import Server

        service = Backend(device)
    server = Server(service, path)
    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):  # the last on Windows only
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda number, frame: server.stop())

    def on_ready(ready: Endpoint) -> None:
        console.print(
            f"a2p {ready.version} serves on {ready.address} ({service.hello().device}, process {ready.pid}); "
            f"clients find it by {path}. Ctrl-C stops it.",
            markup=False,
        )

    server.serve(on_ready)
    console.print("stopped")


def _refuse_second(path: Path) -> None:
    """Raise A2PError when a backend answers at this endpoint file, which a second one would take over."""
    try:
        with Client.connect(path, timeout=GREETING_TIMEOUT) as client:
            client.hello()
            running = client.endpoint.pid
    except A2PError:
        return
    raise A2PError(f"A backend already runs (process {running}): use that one, or stop it first.")
