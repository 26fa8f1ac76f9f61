"""A command in the background."""

from __future__ import annotations

import codecs
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from ..requests import given, segment
from ..results import CommandEvent, CommandExit, CommandOutput, CommandResult, OutputCollector, StreamName
from .connection import AsyncConnection, open_connection
from .http import AsyncHttp, Call
from .stream import AsyncStream


class AsyncCommand:
    """It runs whether or not anybody listens.

    A handle joins it when it is first asked for output, input or the end, and `commands.connect(id)` makes another one at any
    time, from anywhere.
    """

    def __init__(
        self, http: AsyncHttp, sandbox: str, command_id: str, pid: int, connection: AsyncConnection | None = None
    ) -> None:
        self.id = command_id
        """Finds it again: `commands.connect(id)`."""
        self.pid = pid
        """Of the sandbox."""
        self._http = http
        self._sandbox = sandbox
        self._connection = connection

    @property
    def exit(self) -> CommandExit | None:
        """How it ended, once its output was read to the end, by `wait` or `output`."""
        return None if self._connection is None else self._connection.exit

    def output(self) -> AsyncStream[CommandOutput]:
        """What it wrote lately (256 KiB of each stream are kept), then what it writes, as bytes, until it ends."""
        return AsyncStream(lambda: self._output(float("inf")))

    async def wait(
        self,
        *,
        on_stdout: Callable[[str], object] | None = None,
        on_stderr: Callable[[str], object] | None = None,
        check: bool = False,
        timeout_seconds: float | None = None,
    ) -> CommandResult:
        """Waits for its end; with a limit, at most so long, and leaves it running.

        Raises:
            CommandError: with `check`, where the exit code is not 0
        """
        collector = OutputCollector(on_stdout, on_stderr)
        end = time.monotonic() + timeout_seconds if timeout_seconds else float("inf")
        exit_code = -1
        async with aclosing(self._events(end)) as events:
            async for event in events:
                if event.type == "exit":
                    exit_code = -1 if event.exit_code is None else event.exit_code
                else:
                    collector.add(event.type, event.text)
        result = collector.result(exit_code)
        return result.check(f"command {self.id}") if check else result

    async def write(self, data: str | bytes) -> bool:
        """To its stdin, which it must have been started with. Returns once the bytes have left; False: it has ended."""
        return await (await self._join()).write(data)

    async def close_stdin(self) -> None:
        """No more input: a reader inside sees its end."""
        await (await self._join()).say({"end_stdin": True})

    async def signal(self, signal: str, *, timeout_seconds: float | None = None) -> None:
        """To its whole process group; `SIGTERM`, `SIGINT`, …"""
        await send_signal(self._http, self._sandbox, self.id, signal, timeout_seconds)

    async def kill(self, *, timeout_seconds: float | None = None) -> None:
        """SIGKILL to its whole process group."""
        await self.signal("SIGKILL", timeout_seconds=timeout_seconds)

    async def disconnect(self) -> None:
        """Ends the connection only; the command goes on, and the next call joins it again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.aclose()

    async def _join(self) -> AsyncConnection:
        if self._connection is None:
            attach = {"attach": {"id": self.id, "replay": True}}
            self._connection = await open_connection(self._http, self._sandbox, attach)
        return self._connection

    async def _output(self, end: float) -> AsyncGenerator[CommandOutput, None]:
        connection = await self._join()
        try:
            while (piece := await connection.receive(end)) is not None:
                yield piece
        finally:
            if connection.exit is None:
                await self.disconnect()
            else:
                # It keeps how the command ended.
                await connection.aclose()

    async def _events(self, end: float) -> AsyncGenerator[CommandEvent, None]:
        decoder = codecs.getincrementaldecoder("utf-8")
        decoders = {"stdout": decoder("replace"), "stderr": decoder("replace")}
        async with aclosing(self._output(end)) as pieces:
            async for piece in pieces:
                text = decoders[piece.type].decode(piece.data)
                if text:
                    yield CommandEvent(piece.type, text)
        names: tuple[StreamName, StreamName] = ("stdout", "stderr")
        for name in names:
            text = decoders[name].decode(b"", final=True)
            if text:
                yield CommandEvent(name, text)
        connection = await self._join()
        yield CommandEvent("exit", exit_code=None if connection.exit is None else connection.exit.exit_code)


async def send_signal(
    http: AsyncHttp, sandbox: str, command_id: str, signal: str, timeout_seconds: float | None
) -> None:
    """To a process and its group."""
    path = f"{sandbox}/processes/{segment(command_id)}/signal"
    await http.json("POST", path, Call(json=given(signal=signal), timeout_seconds=timeout_seconds))
