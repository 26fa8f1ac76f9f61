"""A connection to a running process: input one way, output and its end the other."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import Any

from websockets.exceptions import ConnectionClosed

from ..errors import ConnectionError, TimeoutError, error_of_body, parse_json
from ..requests import Json
from ..results import CommandExit, CommandOutput
from .http import AsyncHttp
from .local import ClientConnection
from .sockets import connect, receive_message

# Input goes in messages well below what the server takes in one.
INPUT_PIECE_BYTES = 64 * 1024


class AsyncConnection:
    """Opened by `open_connection`. One reader and one writer at a time."""

    def __init__(self, socket: ClientConnection, process_id: str, pid: int) -> None:
        self.id = process_id
        self.pid = pid
        self.exit: CommandExit | None = None
        """How it ended, once its output was read to the end."""
        self._socket = socket

    async def receive(self, end: float = float("inf")) -> CommandOutput | None:
        """The next piece of what it writes; None: it has ended. The process stands still while nobody reads for long."""
        while self.exit is None:
            message = await receive_message(self._socket, end)
            if message is None:
                raise broken_off(self.id)
            if isinstance(message, bytes):
                if message[:1] == b"\x01":
                    return CommandOutput("stdout", message[1:])
                if message[:1] == b"\x02":
                    return CommandOutput("stderr", message[1:])
                continue
            said = parse_json(message)
            fields: Json = said if isinstance(said, dict) else {}
            if "error" in fields:
                raise error_of_body(fields)
            if isinstance(fields.get("result"), dict):
                self.exit = _exit_of(fields["result"])
        return None

    async def write(self, data: str | bytes) -> bool:
        """Returns once the bytes have left, so that a writer goes no faster than the network; False: nobody reads them any more."""
        content = data.encode() if isinstance(data, str) else data
        try:
            for at in range(0, len(content), INPUT_PIECE_BYTES):
                await self._socket.send(content[at : at + INPUT_PIECE_BYTES])
        except ConnectionClosed:
            # Who has ended reads nothing: input for it is dropped, as a pipe's would be.
            return False
        return True

    async def say(self, message: Json) -> None:
        """`end_stdin`, `resize`, `signal`. Lost on one that has ended."""
        with suppress(ConnectionClosed):
            await self._socket.send(json.dumps(message))

    async def aclose(self) -> None:
        """The connection only."""
        await self._socket.close()


async def open_connection(
    http: AsyncHttp, sandbox: str, opening: Json, timeout_seconds: float | None = None
) -> AsyncConnection:
    """Starts a process with all its streams, or joins one. `opening` is the first message."""
    limit = http.config.timeout_seconds if timeout_seconds is None else timeout_seconds
    end = time.monotonic() + limit if limit > 0 else float("inf")
    socket = await connect(http, f"{sandbox}/processes/connect", limit)
    try:
        with suppress(ConnectionClosed):
            # Where the server has closed it, it has said why.
            await socket.send(json.dumps(opening))
        return await _wait_for_start(socket, end)
    except BaseException:
        await socket.close()
        raise


async def _wait_for_start(socket: ClientConnection, end: float) -> AsyncConnection:
    """The answer to the opening message: the process that the connection is to. Output never comes before it."""
    while True:
        message = await receive_message(socket, end)
        if message is None:
            reason = socket.close_reason or socket.close_code
            raise ConnectionError(f"the server closed the connection: {reason}", code="client.connection")
        if isinstance(message, bytes):
            continue
        said = parse_json(message)
        fields: Json = said if isinstance(said, dict) else {}
        if "error" in fields:
            raise error_of_body(fields)
        if fields.get("event") == "started":
            return AsyncConnection(socket, str(fields.get("id", "")), int(fields.get("pid", 0)))


def _exit_of(result: dict[str, Any]) -> CommandExit:
    if result.get("timed_out"):
        raise TimeoutError("the command took longer than its timeout and was killed", code="exec.timeout")
    return CommandExit(int(result["exit_code"]), result.get("signal"))


def broken_off(command_id: str | None) -> ConnectionError:
    """A connection that ended before what it was to. The process goes on: how to find it is part of the text."""
    hint = None if command_id is None else f'the command goes on: commands.connect("{command_id}") joins it again'
    return ConnectionError(
        "the connection ended before the command did",
        code="client.connection",
        details=None if command_id is None else {"command_id": command_id},
        hint=hint,
    )
