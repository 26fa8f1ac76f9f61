"""Commands of a sandbox."""

from __future__ import annotations

import builtins
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing, suppress

from typing_extensions import TypedDict

from ..errors import ConnectionError, PandaStackError
from ..frames import fields_of
from ..models import ProcessInfo, parse, parse_list
from ..requests import command_body, segment, wait_limit
from ..results import CommandEvent, CommandResult, OutputCollector
from ..sse import ServerEvent
from .command import AsyncCommand, send_signal
from .connection import broken_off, open_connection
from .http import AsyncHttp, Call
from .local import Pieces, beside
from .stream import AsyncStream

# The header of a streamed command's answer that has its id.
_COMMAND_ID_HEADER = "x-pandastack-process"


class RunOptions(TypedDict, total=False):
    """How a command runs to its end: what `run` takes by keyword."""

    timeout_seconds: float | None
    cwd: str | None
    env: Mapping[str, str] | None
    user: str | None
    tag: str | None
    stdin: str | bytes | Pieces | None
    keep: bool | None
    on_stdout: Callable[[str], object] | None
    on_stderr: Callable[[str], object] | None
    check: bool


class AsyncCommands:
    """Run by `/bin/sh -c`. They wake a hibernated sandbox, and keep it from expiring while they are listened to.

    Everywhere `timeout_seconds` is the command's own limit: its process group is killed then and TimeoutError raised, code
    `exec.timeout`; None or 0: no limit. The request always waits longer than it. `cwd` is by default the user's home, `user` root;
    `env` is on top of the sandbox's own; `tag` is shown in the list of commands.
    """

    def __init__(self, http: AsyncHttp, sandbox: str) -> None:
        self._http = http
        self._sandbox = sandbox

    async def run(
        self,
        command: str,
        *,
        timeout_seconds: float | None = None,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        user: str | None = None,
        tag: str | None = None,
        stdin: str | bytes | Pieces | None = None,
        keep: bool | None = None,
        on_stdout: Callable[[str], object] | None = None,
        on_stderr: Callable[[str], object] | None = None,
        check: bool = False,
    ) -> CommandResult:
        """Runs a command to its end. Of each stream 16 Mi characters are kept.

        Args:
            command: for `/bin/sh -c`
            timeout_seconds: the command's own limit
            cwd: folder that it runs in
            env: on top of the sandbox's own
            user: name or number
            tag: shown in the list of commands
            stdin: what it reads, to the end
            keep: with `stdin`: whether it goes on when this connection is lost. Default True
            on_stdout: gets pieces of text as they come; characters are never cut in two
            on_stderr: as `on_stdout`
            check: raises CommandError where the exit code is not 0

        Raises:
            TimeoutError: `exec.timeout`, after `timeout_seconds`
            CommandError: with `check`
        """
        collector = OutputCollector(on_stdout, on_stderr)
        if stdin is None:
            exit_code = -1
            limit = wait_limit(timeout_seconds)
            end = float("inf") if limit is None else time.monotonic() + limit
            body = command_body(command, timeout_seconds=timeout_seconds, cwd=cwd, env=env, user=user, tag=tag)
            async with aclosing(self._events(body, end)) as events:
                async for event in events:
                    if event.type == "exit":
                        exit_code = -1 if event.exit_code is None else event.exit_code
                    else:
                        collector.add(event.type, event.text)
            result = collector.result(exit_code)
        else:
            started = await self.start(
                command,
                timeout_seconds=timeout_seconds,
                cwd=cwd,
                env=env,
                user=user,
                tag=tag,
                stdin=True,
                keep=keep,
            )
            given_input = stdin
            result = await beside(
                lambda: _feed(started, given_input),
                lambda: started.wait(
                    on_stdout=on_stdout, on_stderr=on_stderr, timeout_seconds=wait_limit(timeout_seconds)
                ),
            )
        return result.check(command) if check else result

    def stream(
        self,
        command: str,
        *,
        timeout_seconds: float | None = None,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        user: str | None = None,
        tag: str | None = None,
    ) -> AsyncStream[CommandEvent]:
        """Output as it comes. Leaving the loop early leaves the command running."""
        body = command_body(command, timeout_seconds=timeout_seconds, cwd=cwd, env=env, user=user, tag=tag)
        return AsyncStream(lambda: self._events(body, float("inf")))

    async def start(
        self,
        command: str,
        *,
        timeout_seconds: float | None = None,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        user: str | None = None,
        tag: str | None = None,
        stdin: bool = False,
        attach: bool | None = None,
        keep: bool | None = None,
    ) -> AsyncCommand:
        """Starts a command in the background and answers at once. It goes on when this program ends.

        Args:
            command: for `/bin/sh -c`
            timeout_seconds: the command's own limit
            cwd: folder that it runs in
            env: on top of the sandbox's own
            user: name or number
            tag: shown in the list of commands
            stdin: gives it an input that `write` and `close_stdin` of its handle reach
            attach: joins it from its first byte: nothing that it writes is lost, and it waits while nobody reads. Without it, what
                it wrote before somebody joins is kept up to 256 KiB of each stream, and it never waits. Default: with `stdin`
            keep: of an attached one: whether it goes on when this connection is lost. False: it gets SIGHUP then
        """
        body = command_body(command, timeout_seconds=timeout_seconds, cwd=cwd, env=env, user=user, tag=tag)
        if stdin if attach is None else attach:
            opening = {"exec": {**body, "stdin": stdin, "keep": keep}}
            connection = await open_connection(self._http, self._sandbox, opening)
            return AsyncCommand(self._http, self._sandbox, connection.id, connection.pid, connection)
        answer = await self._http.json("POST", f"{self._sandbox}/exec", Call(json={**body, "detach": True}))
        return AsyncCommand(self._http, self._sandbox, str(answer["id"]), int(answer["pid"]))

    async def connect(self, command_id: str, *, timeout_seconds: float | None = None) -> AsyncCommand:
        """A command that was started before, by whomever: its kept output, then what it writes.

        Raises:
            NotFoundError: `process.not_found`, where there is none, or it ended a while ago
        """
        info = await self.get(command_id, timeout_seconds=timeout_seconds)
        return AsyncCommand(self._http, self._sandbox, info.id, info.pid)

    async def get(self, command_id: str, *, timeout_seconds: float | None = None) -> ProcessInfo:
        """What is known of one, by its id or pid: whether it runs, its exit code, what it was started with.

        Raises:
            NotFoundError: `process.not_found`, as `connect`
        """
        path = f"{self._sandbox}/processes/{segment(command_id)}"
        return parse(ProcessInfo, await self._http.json("GET", path, Call(timeout_seconds=timeout_seconds)))

    async def list(self, *, timeout_seconds: float | None = None) -> builtins.list[ProcessInfo]:
        """Those that were started through the API: running ones, and those that ended lately."""
        return await list_processes(self._http, self._sandbox, timeout_seconds)

    async def signal(self, command_id: str, signal: str, *, timeout_seconds: float | None = None) -> None:
        """To its whole process group; `SIGTERM`, `SIGINT`, …"""
        await send_signal(self._http, self._sandbox, command_id, signal, timeout_seconds)

    async def kill(self, command_id: str, *, timeout_seconds: float | None = None) -> None:
        """SIGKILL to its whole process group."""
        await self.signal(command_id, "SIGKILL", timeout_seconds=timeout_seconds)

    async def _events(self, body: dict[str, object], end: float) -> AsyncGenerator[CommandEvent, None]:
        call = Call(json=body, accept="text/event-stream")
        answer = await self._http.open("POST", f"{self._sandbox}/exec/stream", call)
        command_id = answer.headers.get(_COMMAND_ID_HEADER)
        try:
            async with aclosing(answer.events(end)) as frames:
                async for frame in frames:
                    event = _event_of(frame)
                    if event is None:
                        continue
                    yield event
                    if event.type == "exit":
                        return
        except ConnectionError as error:
            raise broken_off(command_id) from error
        finally:
            await answer.aclose()
        raise broken_off(command_id)


async def list_processes(http: AsyncHttp, sandbox: str, timeout_seconds: float | None) -> builtins.list[ProcessInfo]:
    """Commands and terminals."""
    answer = await http.json("GET", f"{sandbox}/processes", Call(timeout_seconds=timeout_seconds))
    return parse_list(ProcessInfo, answer["processes"])


async def _feed(command: AsyncCommand, stdin: str | bytes | Pieces) -> None:
    try:
        if isinstance(stdin, (str, bytes)):
            await command.write(stdin)
        else:
            async for piece in stdin:
                if not await command.write(piece):
                    break
        await command.close_stdin()
    except BaseException:
        # It would wait for the rest for ever.
        with suppress(PandaStackError):
            await command.kill()
        raise


def _event_of(frame: ServerEvent) -> CommandEvent | None:
    fields = fields_of(frame)
    if frame.event == "stdout":
        return CommandEvent("stdout", str(fields["chunk"]))
    if frame.event == "stderr":
        return CommandEvent("stderr", str(fields["chunk"]))
    if frame.event == "exit":
        return CommandEvent("exit", exit_code=int(fields["exit_code"]))
    return None
