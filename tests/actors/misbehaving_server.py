"""A web server that does to a file what the hosts of released files have done."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Misbehaviour:
    """How one path is answered. By default as it should be, ranges included."""

    content: bytes = b""
    status: int = 200
    drops_after: int | None = None
    """Bytes of each answer after which the connection is closed."""
    announced: int | None = None
    """The length that is told, where it is not the true one."""
    ranges: bool = True
    etag: str = '"1"'


@dataclass
class Server:
    address: str = ""
    paths: dict[str, Misbehaviour] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    """Every request: its path, and the range that it asked for."""


@contextmanager
def misbehaving_server() -> Iterator[Server]:
    server = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            server.asked.append((self.path, wanted))
            how = server.paths.get(self.path, Misbehaviour(b"<html>nothing here</html>", status=404))
            start, total = 0, len(how.content)
            if wanted and how.ranges and self.headers.get("If-Range", how.etag) == how.etag:
                start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1])
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
            else:
                self.send_response(how.status)
            length = total - start if how.announced is None else how.announced
            self.send_header("Content-Length", str(length))
            self.send_header("ETag", how.etag)
            self.end_headers()
            body = how.content[start:]
            self.wfile.write(body if how.drops_after is None else body[: how.drops_after])
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        server.address = f"http://127.0.0.1:{http.server_port}"
        thread = threading.Thread(target=http.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join(5)
