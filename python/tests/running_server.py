"""Where tests find a server, and one that misbehaves."""

from __future__ import annotations

import json
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass(frozen=True)
class Server:
    url: str
    token: str
    has_programs: bool = False
    """Its sandboxes are real ones."""

    @property
    def environment(self) -> dict[str, str]:
        """Of programs that find it as a user's do. Nothing of the user's own configuration."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PANDASTACK_")}
        return {**kept, "PANDASTACK_API_URL": self.url, "PANDASTACK_API_KEY": self.token, "XDG_CONFIG_HOME": "/nowhere"}


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


Answer = Callable[[Request, "Handler"], None]


class StandIn:
    """Answers one request after the other as it is told, the last answer for all that follow, and remembers what it was asked."""

    def __init__(self, *answers: Answer, tls: tuple[Path, Path] | None = None) -> None:
        self.requests: list[Request] = []
        self._answers = list(answers)
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"stand_in": self}))
        self._server.daemon_threads = True
        self._scheme = "http" if tls is None else "https"
        if tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            # Each connection shakes hands in its own thread, at its first byte.
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"{self._scheme}://127.0.0.1:{self._server.server_port}"

    def next_answer(self, request: Request) -> Answer:
        with self._lock:
            self.requests.append(request)
            return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class Handler(BaseHTTPRequestHandler):
    """One connection to a stand-in."""

    stand_in: StandIn
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        length = int(self.headers.get("content-length", 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, self.rfile.read(length))
        self.stand_in.next_answer(request)(request, self)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

    def send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"content-length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: pytest has better uses of the terminal."""


def says(status: int, body: object, headers: dict[str, str] | None = None) -> Answer:
    """JSON."""
    return lambda _request, handler: handler.send(status, json.dumps(body).encode(), headers)


def hangs_up(_request: Request, handler: Handler) -> None:
    """Without a word, as a server does that is killed."""
    handler.connection.shutdown(socket.SHUT_RDWR)
    handler.close_connection = True


def begins(content_type: str, text: str, headers: dict[str, str] | None = None, *, then_waits: float = 0) -> Answer:
    """A stream that breaks off, at once or after so many seconds in which it says nothing."""

    def answer(request: Request, handler: Handler) -> None:
        handler.send_response(200)
        for name, value in {"content-type": content_type, "transfer-encoding": "chunked", **(headers or {})}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(f"{len(text.encode()):x}\r\n{text}\r\n".encode())
        handler.wfile.flush()
        time.sleep(then_waits)
        hangs_up(request, handler)

    return answer


class Sink:
    """Takes a file of any size and forgets it, and sends one of `size_bytes`; a piece at a time."""

    def __init__(self, size_bytes: int) -> None:
        self.received_bytes = 0
        sink = self
        piece = bytes(64 * 1024)
        stats = {"name": "large", "path": "/large", "type": "file", "mode": "", "user": "root", "group": "root"}
        numbers = {"size": size_bytes, "mtime": 0, "uid": 0, "gid": 0}
        info = json.dumps({**stats, **numbers, "is_dir": False, "symlink_target": None}).encode()

        class Taker(Handler):
            def do_PUT(self) -> None:
                while size := int(self.rfile.readline(), 16):
                    left = size
                    while left > 0:
                        left -= len(self.rfile.read(min(left, len(piece))))
                    sink.received_bytes += size
                    self.rfile.readline()
                self.rfile.readline()
                self.send(200, b"{}")

            def do_GET(self) -> None:
                if "/stat" in self.path:
                    self.send(200, info)
                    return
                self.send(200, b"", {"content-length": str(size_bytes)})
                for _ in range(size_bytes // len(piece)):
                    self.wfile.write(piece)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Taker)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
