"""A sandbox."""

from __future__ import annotations

import builtins
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Literal, overload

from typing_extensions import Unpack

from ..config import resolve_config
from ..executions import CodeFailure, Execution
from ..models import (
    CodeResultInfo,
    EventInfo,
    LifecycleInfo,
    MetricsInfo,
    NetworkInfo,
    PromoteResult,
    SandboxInfo,
    SnapshotInfo,
    parse,
)
from ..network import NetworkPolicy
from ..options import CreateOptions, ForkOptions
from ..requests import UNCHANGED, Json, Unchanged, given, sandbox_path
from ..results import CommandResult
from .code import AsyncCode
from .commands import AsyncCommands
from .create import create_sandbox, get_sandbox, list_sandboxes
from .files import AsyncFiles
from .fork import fork_into
from .history import follow_events, read_events, read_logs
from .http import AsyncHttp, Call
from .local import Pieces
from .ports import AsyncPorts
from .pty import AsyncPty
from .snapshots import AsyncSandboxSnapshots
from .stream import AsyncStream

if TYPE_CHECKING:
    from .client import AsyncPandaStack


class AsyncSandbox:
    """A microVM with its own kernel, disk and network.

    Example:
        async with await AsyncSandbox.create() as sandbox:
            print((await sandbox.exec("uname -a")).stdout)
    """

    def __init__(self, http: AsyncHttp, info: SandboxInfo, *, holds_http: bool = False) -> None:
        self._http = http
        self._info = info
        self._path = sandbox_path(info.id)
        # Made for this handle and its children, without a client that anybody could close: the last one that is removed does.
        self._holds_http = holds_http
        if holds_http:
            http.hold()
        self.commands = AsyncCommands(http, self._path)
        """Run programs in it."""
        self.code = AsyncCode(http, self._path)
        """Run code with state in it."""
        self.files = AsyncFiles(http, self._path, self.commands)
        """Its files."""
        self.filesystem = self.files
        """Another name of `files`."""
        self.pty = AsyncPty(http, self._path)
        """Terminals in it."""
        self.ports = AsyncPorts(http, info.id)
        """What listens in it."""
        self.snapshots = AsyncSandboxSnapshots(http, info.id)
        """Copies of it at one instant, that others can start from."""

    @classmethod
    async def create(cls, *, client: AsyncPandaStack | None = None, **options: Unpack[CreateOptions]) -> AsyncSandbox:
        """A new sandbox. It answers once commands work.

        Raises:
            CapacityError: the server or the workspace is full
        """
        http = _http_of(client)
        async with _closed_on_failure(http, client is None):
            return cls(http, await create_sandbox(http, options), holds_http=client is None)

    @classmethod
    async def get(
        cls, sandbox_id: str, *, client: AsyncPandaStack | None = None, timeout_seconds: float | None = None
    ) -> AsyncSandbox:
        """One that exists. Neither wakes it nor keeps it from expiring.

        Raises:
            NotFoundError: `sandbox.not_found`
        """
        http = _http_of(client)
        async with _closed_on_failure(http, client is None):
            return cls(http, await get_sandbox(http, sandbox_id, timeout_seconds), holds_http=client is None)

    @classmethod
    async def list(
        cls,
        *,
        status: str | None = None,
        client: AsyncPandaStack | None = None,
        timeout_seconds: float | None = None,
    ) -> builtins.list[AsyncSandbox]:
        """The workspace's, newest first."""
        http = _http_of(client)
        async with _closed_on_failure(http, client is None):
            infos = await list_sandboxes(http, status, timeout_seconds)
        if client is None and not infos:
            await http.aclose()
        return [cls(http, info, holds_http=client is None) for info in infos]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id} {self.status}>"

    @property
    def id(self) -> str:
        """20 characters of a-z and 0-9."""
        return self._info.id

    @property
    def info(self) -> SandboxInfo:
        """As of the last answer; `refresh` asks anew."""
        return self._info

    @property
    def status(self) -> str:
        """As of the last answer: `running`, `paused`, `hibernated`, `failed`, `deleted`, …"""
        return self._info.status

    @property
    def metadata(self) -> dict[str, str]:
        """Labels of your own."""
        return self._info.metadata

    async def refresh(self, *, timeout_seconds: float | None = None) -> SandboxInfo:
        """Asks how it is now. Neither wakes it nor keeps it from expiring."""
        call = Call(timeout_seconds=timeout_seconds)
        self._info = parse(SandboxInfo, await self._http.json("GET", self._path, call))
        return self._info

    async def exec(
        self,
        command: str,
        *,
        timeout_seconds: float | None = None,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        user: str | None = None,
        stdin: str | bytes | Pieces | None = None,
        on_stdout: Callable[[str], object] | None = None,
        on_stderr: Callable[[str], object] | None = None,
        check: bool = False,
    ) -> CommandResult:
        """Runs a command to its end: `commands.run`, by a shorter name."""
        return await self.commands.run(
            command,
            timeout_seconds=timeout_seconds,
            cwd=cwd,
            env=env,
            user=user,
            stdin=stdin,
            on_stdout=on_stdout,
            on_stderr=on_stderr,
            check=check,
        )

    async def run_code(
        self,
        code: str,
        *,
        language: str | None = None,
        context: str | None = None,
        env: Mapping[str, str] | None = None,
        timeout_seconds: float | None = None,
        on_stdout: Callable[[str], object] | None = None,
        on_stderr: Callable[[str], object] | None = None,
        on_result: Callable[[CodeResultInfo], object] | None = None,
        on_error: Callable[[CodeFailure], object] | None = None,
    ) -> Execution:
        """Runs code that keeps its variables for the next time: `code.run`, by a shorter name."""
        return await self.code.run(
            code,
            language=language,
            context=context,
            env=env,
            timeout_seconds=timeout_seconds,
            on_stdout=on_stdout,
            on_stderr=on_stderr,
            on_result=on_result,
            on_error=on_error,
        )

    def get_host(self, port: int) -> str:
        """Host name of a server in it, for URLs of your own; `ports.url` is the whole address."""
        return self.ports.host(port)

    async def snapshot(
        self, *, idempotency_key: str | None = None, timeout_seconds: float | None = None
    ) -> SnapshotInfo:
        """Memory, devices and disk as of now: `snapshots.create`, by a shorter name. It goes on."""
        return await self.snapshots.create(idempotency_key=idempotency_key, timeout_seconds=timeout_seconds)

    async def pause(self, *, timeout_seconds: float | None = None) -> None:
        """Processor stops, memory stays. Commands are refused until `resume`."""
        await self._change("pause", "paused", timeout_seconds)

    async def resume(self, *, timeout_seconds: float | None = None) -> None:
        """Lets a paused one go on."""
        await self._change("resume", "running", timeout_seconds)

    async def hibernate(self, *, timeout_seconds: float | None = None) -> None:
        """Memory goes to disk, the VMM ends. Any later use wakes it."""
        await self._change("hibernate", "hibernated", timeout_seconds)

    async def wake(self, *, timeout_seconds: float | None = None) -> None:
        """Brings a hibernated one back as it was; a failed one from its disk, where that survived."""
        await self._change("wake", "running", timeout_seconds)

    @overload
    async def fork(self, count: None = None, **options: Unpack[ForkOptions]) -> AsyncSandbox: ...

    @overload
    async def fork(self, count: int, **options: Unpack[ForkOptions]) -> builtins.list[AsyncSandbox]: ...

    async def fork(
        self, count: int | None = None, **options: Unpack[ForkOptions]
    ) -> AsyncSandbox | builtins.list[AsyncSandbox]:
        """A second sandbox with the same memory, processes and disk, from now on its own; with a number, that many at once.

        Example:
            copy = await sandbox.fork()
            one, two, three = await sandbox.fork(3)
        """
        children = await self._fork("fork", count, options)
        return children[0] if count is None else children

    async def fork_tree(self, count: int = 2, **options: Unpack[ForkOptions]) -> builtins.list[AsyncSandbox]:
        """Several at once, up to 16, in order, that know each other as siblings; `promote` picks one."""
        return await self._fork("fork-tree", count, options)

    async def promote(
        self, *, cleanup_siblings: bool = False, tree_id: str | None = None, timeout_seconds: float | None = None
    ) -> PromoteResult:
        """Makes this child of a fork tree the one that stays; with `cleanup_siblings` the others are removed."""
        body = given(cleanup_siblings=cleanup_siblings, tree_id=tree_id)
        call = Call(json=body, is_repeatable=True, timeout_seconds=timeout_seconds)
        return parse(PromoteResult, await self._http.json("POST", f"{self._path}/promote", call))

    async def lifecycle(self, *, timeout_seconds: float | None = None) -> LifecycleInfo:
        """How long it has been idle, and when it expires."""
        call = Call(timeout_seconds=timeout_seconds)
        return parse(LifecycleInfo, await self._http.json("GET", f"{self._path}/lifecycle", call))

    async def set_lifecycle(
        self,
        *,
        ttl_seconds: int | None = None,
        persistent: bool | None = None,
        on_idle: Literal["hibernate", "kill"] | Unchanged | None = UNCHANGED,
        idle_timeout_seconds: int | None = None,
        timeout_seconds: float | None = None,
    ) -> LifecycleInfo:
        """Changes what becomes of it when it is idle, or makes it persistent. What is left out stays.

        Args:
            ttl_seconds: idle time after which it is removed; 0: never
            persistent: never removed for being idle
            on_idle: `hibernate` or `kill`, once nobody has used it for `idle_timeout_seconds`; None: nothing but the TTL
            idle_timeout_seconds: default 300
            timeout_seconds: of this call
        """
        body = given(ttl_seconds=ttl_seconds, persistent=persistent, idle_timeout_seconds=idle_timeout_seconds)
        if not isinstance(on_idle, Unchanged):
            body["on_idle"] = on_idle
        call = Call(json=body, is_repeatable=True, timeout_seconds=timeout_seconds)
        return parse(LifecycleInfo, await self._http.json("PATCH", f"{self._path}/lifecycle", call))

    async def set_ttl(self, ttl_seconds: int, *, timeout_seconds: float | None = None) -> LifecycleInfo:
        """Idle time, in seconds from its last use, after which it is removed; 0: never."""
        return await self.set_lifecycle(ttl_seconds=ttl_seconds, timeout_seconds=timeout_seconds)

    async def keep_alive(self, *, timeout_seconds: float | None = None) -> LifecycleInfo:
        """Counts as use: its idle time begins anew. Wakes nothing."""
        return await self.set_lifecycle(timeout_seconds=timeout_seconds)

    async def network(self, *, timeout_seconds: float | None = None) -> NetworkInfo:
        """What it may reach, what it has sent, and what was refused."""
        call = Call(timeout_seconds=timeout_seconds)
        return parse(NetworkInfo, await self._http.json("GET", f"{self._path}/network", call))

    async def update_network(
        self,
        policy: NetworkPolicy | None = None,
        *,
        egress_mbps: float | Unchanged | None = UNCHANGED,
        timeout_seconds: float | None = None,
    ) -> SandboxInfo:
        """Changes what it may reach; in force when this returns. `egress_mbps=None` takes its limit away."""
        body: Json = given(network=policy)
        if not isinstance(egress_mbps, Unchanged):
            body["egress_mbps"] = egress_mbps
        call = Call(json=body, is_repeatable=True, timeout_seconds=timeout_seconds)
        self._info = parse(SandboxInfo, await self._http.json("PATCH", self._path, call))
        return self._info

    def logs(
        self,
        *,
        stream: Literal["stdout", "stderr", "both"] | None = None,
        tail: int | None = None,
        follow: bool = False,
        timeout_seconds: float | None = None,
    ) -> AsyncStream[str]:
        """Its console and what commands wrote there, line by line; with `follow` until it ends, or you leave."""
        query = {"stream": stream, "tail": tail, "follow": follow or None}
        return AsyncStream(lambda: read_logs(self._http, f"{self._path}/logs", query, timeout_seconds))

    def events(
        self,
        *,
        since: int | None = None,
        tail: int | None = None,
        follow: bool = False,
        timeout_seconds: float | None = None,
    ) -> AsyncStream[EventInfo]:
        """What happened to it, oldest first.

        Args:
            since: only events with a greater id: where an earlier reader stopped
            tail: how many of the newest; default 50
            follow: goes on until the sandbox is gone or you leave; a broken connection is made anew, and nothing is missed
            timeout_seconds: for the beginning of an answer
        """
        path = f"{self._path}/events"
        if follow:
            return AsyncStream(lambda: follow_events(self._http, path, since, tail, timeout_seconds))
        return AsyncStream(lambda: read_events(self._http, path, {"since": since, "tail": tail}, timeout_seconds))

    async def metrics(self, *, timeout_seconds: float | None = None) -> MetricsInfo:
        """What it uses, as seen from the host and from inside; zeros while it does not run."""
        call = Call(timeout_seconds=timeout_seconds)
        return parse(MetricsInfo, await self._http.json("GET", f"{self._path}/metrics", call))

    async def kill(self, *, timeout_seconds: float | None = None) -> None:
        """Removes it with all that is in it."""
        await self._http.json("DELETE", self._path, Call(timeout_seconds=timeout_seconds))
        self._info = self._info.model_copy(update={"status": "deleted"})
        if self._holds_http:
            self._holds_http = False
            await self._http.let_go()

    async def __aenter__(self) -> AsyncSandbox:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.kill()

    async def _change(self, verb: str, status: str, timeout_seconds: float | None) -> None:
        # Asking twice for these leaves the sandbox in the same state.
        call = Call(is_repeatable=True, timeout_seconds=timeout_seconds)
        await self._http.json("POST", f"{self._path}/{verb}", call)
        self._info = self._info.model_copy(update={"status": status})

    async def _fork(self, verb: str, count: int | None, options: ForkOptions) -> builtins.list[AsyncSandbox]:
        children = await fork_into(self._http, f"{self._path}/{verb}", count, options)
        return [AsyncSandbox(self._http, info, holds_http=self._holds_http) for info in children]


def _http_of(client: AsyncPandaStack | None) -> AsyncHttp:
    return AsyncHttp(resolve_config()) if client is None else client.http


@asynccontextmanager
async def _closed_on_failure(http: AsyncHttp, is_ours: bool) -> AsyncIterator[None]:
    """There will be no handle that could."""
    try:
        yield
    except BaseException:
        if is_ours:
            await http.aclose()
        raise
