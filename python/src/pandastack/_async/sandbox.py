"""A sandbox."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Literal, overload

from typing_extensions import Unpack

from ..executions import Execution
from ..models import (
    EventInfo,
    MetricsInfo,
    NetworkInfo,
    PromoteResult,
    SandboxInfo,
    SnapshotInfo,
    TemplateBuildInfo,
    parse,
)
from ..network import NetworkPolicy
from ..options import CreateOptions, ForkOptions, RunCodeOptions
from ..requests import UNCHANGED, Json, Unchanged, given
from ..results import CommandResult
from .builds import AsyncTemplateBuild
from .clientless import closed_on_failure, http_of
from .code import AsyncCode
from .commands import AsyncCommands, RunOptions
from .create import create_sandbox, get_sandbox, list_sandboxes
from .explore import AsyncCandidate, AsyncExploration, AsyncScore, explore_in
from .files import AsyncFiles
from .fork import fork_into
from .git import AsyncGit
from .history import follow_events, read_events, read_logs
from .http import AsyncHttp, Call
from .lifetime import AsyncLifetime
from .ports import AsyncPorts
from .pty import AsyncPty
from .search import AsyncSearch
from .snapshots import AsyncSandboxSnapshots
from .stream import AsyncStream

if TYPE_CHECKING:
    from .client import AsyncPandaStack


class AsyncSandbox(AsyncLifetime):
    """A microVM with its own kernel, disk and network.

    Example:
        async with await AsyncSandbox.create() as sandbox:
            print((await sandbox.exec("uname -a")).stdout)
    """

    def __init__(self, http: AsyncHttp, info: SandboxInfo, *, holds_http: bool = False) -> None:
        super().__init__(http, info)
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
        self.search = AsyncSearch(self.commands)
        """Text and files in it, looked for there."""
        self.git = AsyncGit(self.commands)
        """Repositories in it."""

    @classmethod
    async def create(cls, *, client: AsyncPandaStack | None = None, **options: Unpack[CreateOptions]) -> AsyncSandbox:
        """A new sandbox. It answers once commands work.

        Raises:
            CapacityError: the server or the workspace is full
        """
        http = http_of(client)
        async with closed_on_failure(http, client is None):
            return cls(http, await create_sandbox(http, options), holds_http=client is None)

    @classmethod
    async def get(
        cls, sandbox_id: str, *, client: AsyncPandaStack | None = None, timeout_seconds: float | None = None
    ) -> AsyncSandbox:
        """One that exists. Neither wakes it nor keeps it from expiring.

        Raises:
            NotFoundError: `sandbox.not_found`
        """
        http = http_of(client)
        async with closed_on_failure(http, client is None):
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
        http = http_of(client)
        async with closed_on_failure(http, client is None):
            infos = await list_sandboxes(http, status, timeout_seconds)
        if client is None and not infos:
            await http.aclose()
        return [cls(http, info, holds_http=client is None) for info in infos]

    async def exec(self, command: str, **options: Unpack[RunOptions]) -> CommandResult:
        """Runs a command to its end: `commands.run`, by a shorter name."""
        return await self.commands.run(command, **options)

    async def run_code(self, code: str, **options: Unpack[RunCodeOptions]) -> Execution:
        """Runs code that keeps its variables for the next time: `code.run`, by a shorter name."""
        return await self.code.run(code, **options)

    def get_host(self, port: int) -> str:
        """Host name of a server in it, for URLs of your own; `ports.url` is the whole address."""
        return self.ports.host(port)

    async def snapshot(
        self, *, idempotency_key: str | None = None, timeout_seconds: float | None = None
    ) -> SnapshotInfo:
        """Memory, devices and disk as of now: `snapshots.create`, by a shorter name. It goes on."""
        return await self.snapshots.create(idempotency_key=idempotency_key, timeout_seconds=timeout_seconds)

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

    async def bake_image(
        self,
        name: str,
        *,
        start: str | None = None,
        ready: str | None = None,
        ready_timeout_seconds: int | None = None,
        label: str | None = None,
        description: str | None = None,
        replace: bool | None = None,
        wait: bool = True,
        timeout_seconds: float | None = None,
    ) -> AsyncTemplateBuild:
        """A template with this sandbox's files as they are now; its processes are not in it.

        Args:
            name: the template's
            start: started before its memory is taken. Default: what the sandbox's own template starts
            ready: tried until it ends with 0; only then is memory taken
            ready_timeout_seconds: how long it is tried
            label: a title
            description: more words
            replace: in the place of another that has this name
            wait: until sandboxes can be made of it; False: only until it has begun
            timeout_seconds: for the answer that it has begun
        """
        body = given(
            image_name=name,
            start=start,
            ready=ready,
            ready_timeout_seconds=ready_timeout_seconds,
            label=label,
            description=description,
            replace=replace,
            wait=False,
        )
        call = Call(json=body, timeout_seconds=timeout_seconds)
        answer = await self._http.json("POST", f"{self._path}/bake-image", call)
        # Begun and then asked for: no request has to last as long as the making of a template.
        build = AsyncTemplateBuild(self._http, parse(TemplateBuildInfo, answer["build"]))
        if wait:
            await build.done()
        return build

    async def promote(
        self, *, cleanup_siblings: bool = False, tree_id: str | None = None, timeout_seconds: float | None = None
    ) -> PromoteResult:
        """Makes this child of a fork tree the one that stays; with `cleanup_siblings` the others are removed."""
        body = given(cleanup_siblings=cleanup_siblings, tree_id=tree_id)
        call = Call(json=body, is_repeatable=True, timeout_seconds=timeout_seconds)
        return parse(PromoteResult, await self._http.json("POST", f"{self._path}/promote", call))

    async def explore(
        self,
        candidates: Sequence[AsyncCandidate],
        score: AsyncScore | None = None,
        *,
        candidate_timeout_seconds: float | None = None,
        ttl_seconds: int | None = None,
        timeout_seconds: float | None = None,
    ) -> AsyncExploration:
        """Tries several ways from the same state, each in a copy, side by side.

        The copy with the best score stays, as `winner`, and the others are removed.

        Args:
            candidates: 1 to 16: commands, `CommandCandidate`s, or functions that get the copy
            score: how good an outcome is; None takes no part. Default: the one that ends with 0 first
            candidate_timeout_seconds: each command's own limit. Default: none
            ttl_seconds: of the copies, the winner's too. Default: the parent's
            timeout_seconds: for the making of the copies

        Example:
            tried = await sandbox.explore(["pytest -x", "pytest -n 4"], lambda outcome: -outcome.duration_seconds)
        """
        return await explore_in(self, candidates, score, candidate_timeout_seconds, ttl_seconds, timeout_seconds)

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
        await self._forget()

    async def _forget(self) -> None:
        """It has been removed by somebody else: lets go of what this handle holds."""
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

    async def _fork(self, verb: str, count: int | None, options: ForkOptions) -> builtins.list[AsyncSandbox]:
        children = await fork_into(self._http, f"{self._path}/{verb}", count, options)
        return [AsyncSandbox(self._http, info, holds_http=self._holds_http) for info in children]
