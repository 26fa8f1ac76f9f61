"""Stands for a sandbox that has a tar, which the fake one has not: commands run here, files are this machine's."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import IO
from urllib.parse import parse_qs, urlsplit

from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

SANDBOX = f"/sandboxes/{'a' * 20}"


class LocalShell:
    """A server of its own: processes over WebSockets, and `stat`."""

    def __init__(self) -> None:
        self._server = serve(_run, "127.0.0.1", 0, process_request=_stat, compression=None)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.socket.getsockname()[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()


def _stat(connection: ServerConnection, request: Request) -> Response | None:
    parts = urlsplit(request.path)
    if not parts.path.endswith("/fs/stat"):
        return None
    path = Path(parse_qs(parts.query)["path"][0])
    text = {"name": path.name, "path": str(path), "type": "dir", "mode": "", "user": "root", "group": "root"}
    numbers = {"size": 0, "mtime": 0, "uid": 0, "gid": 0}
    return connection.respond(
        HTTPStatus.OK, json.dumps({**text, **numbers, "is_dir": path.is_dir(), "symlink_target": None})
    )


def _run(socket: ServerConnection) -> None:
    wanted = json.loads(socket.recv())["exec"]
    with subprocess.Popen(
        ["sh", "-c", wanted["cmd"]],
        env={**os.environ, **wanted["env"]},
        stdin=subprocess.PIPE if wanted["stdin"] else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        socket.send(json.dumps({"event": "started", "id": "p1", "pid": process.pid}))
        feeding = threading.Thread(target=_feed, args=(socket, process.stdin))
        feeding.start()
        outputs = [
            threading.Thread(target=_tell, args=(socket, number, stream))
            for number, stream in ((1, process.stdout), (2, process.stderr))
        ]
        for thread in outputs:
            thread.start()
        for thread in outputs:
            thread.join()
        result = {"exit_code": process.wait(), "signal": None, "timed_out": False, "duration_ms": 1}
        with suppress(ConnectionClosed):
            socket.send(json.dumps({"result": result}))
        socket.close()
        feeding.join()


def _tell(socket: ServerConnection, number: int, stream: IO[bytes] | None) -> None:
    assert stream is not None
    while piece := stream.read1(30_000):  # type: ignore[attr-defined]
        socket.send(bytes([number]) + piece)


def _feed(socket: ServerConnection, stdin: IO[bytes] | None) -> None:
    try:
        for message in socket:
            if stdin is not None and isinstance(message, bytes):
                stdin.write(message)
            elif stdin is not None and "end_stdin" in message:
                stdin.close()
    except (ConnectionClosed, BrokenPipeError, ValueError):
        # It has ended: nobody reads any more.
        return


class CutOff:
    """Has one process, `p1`. The first connection to it is cut without a word, as proxies do with quiet ones."""

    def __init__(self) -> None:
        self._connections = 0
        self._server = serve(self._serve, "127.0.0.1", 0, compression=None)
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.socket.getsockname()[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()

    def _serve(self, connection: ServerConnection) -> None:
        self._connections += 1
        connection.recv()
        connection.send(json.dumps({"event": "started", "id": "p1", "pid": 7}))
        if self._connections == 1:
            connection.socket.shutdown(socket.SHUT_RDWR)
            return
        connection.send(b"\x01rest\n")
        connection.send(json.dumps({"result": {"exit_code": 0, "signal": None, "timed_out": False, "duration_ms": 1}}))
