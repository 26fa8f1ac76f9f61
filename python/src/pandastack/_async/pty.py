"""Terminals of a sandbox."""

from __future__ import annotations

import builtins
from collections.abc import AsyncGenerator, Mapping

from ..models import ProcessInfo
from ..requests import command_body
from ..results import CommandExit
from .command import send_signal
from .commands import list_processes
from .connection import AsyncConnection, open_connection
from .http import AsyncHttp
from .stream import AsyncStream

_LOGIN_SHELL = "command -v bash >/dev/null 2>&1 && exec bash -li; exec sh -l"


class AsyncTerminal:
    """A connection to a terminal in a sandbox."""

    def __init__(self, http: AsyncHttp, sandbox: str, connection: AsyncConnection) -> None:
        self.id = connection.id
        """Finds it again: `pty.connect(id)`."""
        self.pid = connection.pid
        """Of the sandbox."""
        self.output: AsyncStream[bytes] = AsyncStream(self._output)
        """What it shows, as bytes. Read it: the terminal stands still when nobody does."""
        self._http = http
        self._sandbox = sandbox
        self._connection = connection

    @property
    def exit(self) -> CommandExit | None:
        """How it ended, once `output` was read to its end."""
        return self._connection.exit

    async def write(self, data: str | bytes) -> None:
        """What a keyboard would send. Returns once the bytes have left."""
        await self._connection.write(data)

    async def resize(self, rows: int, cols: int) -> None:
        """The window has another size now."""
        await self._connection.say({"resize": {"rows": rows, "cols": cols}})

    async def signal(self, signal: str) -> None:
        """To the shell and its group, through this connection."""
        await self._connection.say({"signal": signal})

    async def kill(self, *, timeout_seconds: float | None = None) -> None:
        """SIGKILL to it and its group."""
        await send_signal(self._http, self._sandbox, self.id, "SIGKILL", timeout_seconds)

    async def disconnect(self) -> None:
        """Ends the connection only; with `keep=False` the terminal too."""
        await self._connection.aclose()

    async def _output(self) -> AsyncGenerator[bytes, None]:
        try:
            while (piece := await self._connection.receive()) is not None:
                yield piece.data
        finally:
            await self._connection.aclose()


class AsyncPty:
    """Opens terminals, and joins them again."""

    def __init__(self, http: AsyncHttp, sandbox: str) -> None:
        self._http = http
        self._sandbox = sandbox

    async def create(
        self,
        *,
        rows: int = 24,
        cols: int = 80,
        command: str = _LOGIN_SHELL,
        keep: bool | None = None,
        timeout_seconds: float | None = None,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        user: str | None = None,
        tag: str | None = "terminal",
    ) -> AsyncTerminal:
        """Opens a terminal.

        Args:
            rows: of its window
            cols: of its window
            command: default: a login shell, bash where there is one
            keep: whether it goes on when this connection is lost, to be joined again by `connect`. False: the server sends it
                SIGHUP then, as a closed window would, also where this program was killed. Default True
            timeout_seconds: the command's own limit
            cwd: folder that it begins in
            env: on top of the sandbox's own
            user: name or number
            tag: shown in the list of commands
        """
        body = command_body(command, timeout_seconds=timeout_seconds, cwd=cwd, env=env, user=user, tag=tag)
        opening = {"exec": {**body, "stdin": True, "pty": {"rows": rows, "cols": cols}, "keep": keep}}
        return AsyncTerminal(self._http, self._sandbox, await open_connection(self._http, self._sandbox, opening))

    async def connect(
        self, terminal_id: str, *, replay: bool = True, timeout_seconds: float | None = None
    ) -> AsyncTerminal:
        """Joins one that runs: what it showed lately (256 KiB are kept), then what it shows. Any number may have joined."""
        opening = {"attach": {"id": terminal_id, "replay": replay}}
        connection = await open_connection(self._http, self._sandbox, opening, timeout_seconds)
        return AsyncTerminal(self._http, self._sandbox, connection)

    async def list(self, *, timeout_seconds: float | None = None) -> builtins.list[ProcessInfo]:
        """Those that were opened through the API."""
        processes = await list_processes(self._http, self._sandbox, timeout_seconds)
        return [process for process in processes if process.pty]

    async def kill(self, terminal_id: str, *, timeout_seconds: float | None = None) -> None:
        """Ends one with all that runs in it."""
        await send_signal(self._http, self._sandbox, terminal_id, "SIGKILL", timeout_seconds)
