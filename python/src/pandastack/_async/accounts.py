"""Tokens, workspaces, and who did what."""

from __future__ import annotations

import builtins
from collections.abc import AsyncGenerator, Mapping
from datetime import datetime

from ..models import (
    AuditInfo,
    CreatedTokenInfo,
    IsolationInfo,
    Me,
    TokenInfo,
    WorkspaceInfo,
    WorkspaceLimitsInfo,
    WorkspaceNetworkInfo,
    parse,
    parse_list,
)
from ..network import NetworkPolicy
from ..requests import UNCHANGED, Unchanged, given, segment
from .http import AsyncHttp, Call
from .stream import AsyncStream


class AsyncTokens:
    """Of a workspace; of the own one unless it was made by `workspaces.tokens(slug)`. For admins."""

    def __init__(self, http: AsyncHttp, path: str = "/me/tokens") -> None:
        self._http = http
        self._path = path

    async def list(self, *, timeout_seconds: float | None = None) -> builtins.list[TokenInfo]:
        """Without the revoked ones."""
        call = Call(timeout_seconds=timeout_seconds)
        return parse_list(TokenInfo, (await self._http.json("GET", self._path, call))["items"])

    async def create(
        self,
        *,
        label: str | None = None,
        role: str | None = None,
        expires_in_days: float | None = None,
        timeout_seconds: float | None = None,
    ) -> CreatedTokenInfo:
        """The whole token is in this answer and nowhere else. `role`: `read`, `member` (default) or `admin`."""
        body = given(label=label, role=role, expires_in_days=expires_in_days)
        call = Call(json=body, timeout_seconds=timeout_seconds)
        return parse(CreatedTokenInfo, await self._http.json("POST", self._path, call))

    async def revoke(self, prefix: str, *, timeout_seconds: float | None = None) -> None:
        """Acts at once."""
        await self._http.json("DELETE", f"{self._path}/{segment(prefix)}", Call(timeout_seconds=timeout_seconds))

    async def me(self, *, timeout_seconds: float | None = None) -> Me:
        """Who this client is."""
        return parse(Me, await self._http.json("GET", "/me", Call(timeout_seconds=timeout_seconds)))


class AsyncWorkspaces:
    """What sandboxes, snapshots and tokens belong to. For admins."""

    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    async def list(self, *, timeout_seconds: float | None = None) -> builtins.list[WorkspaceInfo]:
        """By slug."""
        call = Call(timeout_seconds=timeout_seconds)
        return parse_list(WorkspaceInfo, (await self._http.json("GET", "/workspaces", call))["workspaces"])

    async def create(
        self, slug: str, *, name: str | None = None, timeout_seconds: float | None = None
    ) -> WorkspaceInfo:
        """`slug`: 2 to 40 characters of a-z, 0-9 and -."""
        call = Call(json=given(slug=slug, name=name), timeout_seconds=timeout_seconds)
        return parse(WorkspaceInfo, await self._http.json("POST", "/workspaces", call))

    def tokens(self, slug: str) -> AsyncTokens:
        """The tokens of one."""
        return AsyncTokens(self._http, f"/workspaces/{segment(slug)}/tokens")

    async def limits(self, slug: str | None = None, *, timeout_seconds: float | None = None) -> WorkspaceLimitsInfo:
        """What one may have, and what it has; without a slug the own one, which needs no admin."""
        path = "/me/limits" if slug is None else f"/workspaces/{segment(slug)}/limits"
        return parse(WorkspaceLimitsInfo, await self._http.json("GET", path, Call(timeout_seconds=timeout_seconds)))

    async def set_limits(
        self, slug: str, limits: Mapping[str, int | None], *, timeout_seconds: float | None = None
    ) -> WorkspaceLimitsInfo:
        """Changes what one may have. What is left out stays; None goes back to the server's default.

        Example:
            await client.workspaces.set_limits("research", {"running_sandboxes": 20, "snapshots": None})
        """
        call = Call(json=dict(limits), is_repeatable=True, timeout_seconds=timeout_seconds)
        path = f"/workspaces/{segment(slug)}/limits"
        return parse(WorkspaceLimitsInfo, await self._http.json("PATCH", path, call))

    async def network(self, slug: str, *, timeout_seconds: float | None = None) -> WorkspaceNetworkInfo:
        """What its sandboxes may reach by default, and at most."""
        call = Call(timeout_seconds=timeout_seconds)
        path = f"/workspaces/{segment(slug)}/network"
        return parse(WorkspaceNetworkInfo, await self._http.json("GET", path, call))

    async def set_network(
        self,
        slug: str,
        *,
        default: NetworkPolicy | Unchanged | None = UNCHANGED,
        ceiling: NetworkPolicy | Unchanged | None = UNCHANGED,
        timeout_seconds: float | None = None,
    ) -> WorkspaceNetworkInfo:
        """Counts for policies that are set from now on. What is left out stays; None takes it away."""
        said = {"default": default, "ceiling": ceiling}
        body = {name: policy for name, policy in said.items() if not isinstance(policy, Unchanged)}
        call = Call(json=body, is_repeatable=True, timeout_seconds=timeout_seconds)
        path = f"/workspaces/{segment(slug)}/network"
        return parse(WorkspaceNetworkInfo, await self._http.json("PATCH", path, call))

    async def isolation(self, slug: str, *, timeout_seconds: float | None = None) -> str:
        """What has to isolate its sandboxes: `any` or `kernel`."""
        call = Call(timeout_seconds=timeout_seconds)
        return parse(
            IsolationInfo, await self._http.json("GET", f"/workspaces/{segment(slug)}/isolation", call)
        ).isolation

    async def set_isolation(self, slug: str, isolation: str, *, timeout_seconds: float | None = None) -> None:
        """`kernel`: sandboxes that are made from now on have kernels of their own, so that gVisor is refused."""
        call = Call(json={"isolation": isolation}, is_repeatable=True, timeout_seconds=timeout_seconds)
        await self._http.json("PATCH", f"/workspaces/{segment(slug)}/isolation", call)


class AsyncAudit:
    """Who did what. For admins."""

    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    def list(
        self,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        workspace: str | None = None,
        actor: str | None = None,
        operation: str | None = None,
        target: str | None = None,
        request_id: str | None = None,
        timeout_seconds: float | None = None,
    ) -> AsyncStream[AuditInfo]:
        """Newest first; page after page is asked for while the loop goes on.

        Args:
            since: default: 24 hours ago
            until: default: now
            workspace: its slug
            actor: a token's prefix
            operation: `createSandbox`, …
            target: what it was done to: an id, a token's prefix, a workspace's slug
            request_id: of one request
            timeout_seconds: of each page
        """
        query: dict[str, str | int | bool | None] = {
            "workspace": workspace,
            "actor": actor,
            "operation": operation,
            "target": target,
            "request_id": request_id,
            "since": None if since is None else since.astimezone().isoformat(),
            "until": None if until is None else until.astimezone().isoformat(),
        }

        async def pages() -> AsyncGenerator[AuditInfo, None]:
            before: int | None = None
            while True:
                call = Call(query={**query, "before": before}, timeout_seconds=timeout_seconds)
                page = await self._http.json("GET", "/audit", call)
                for entry in parse_list(AuditInfo, page["entries"]):
                    yield entry
                before = page["next_before"]
                if before is None:
                    return

        return AsyncStream(pages)
