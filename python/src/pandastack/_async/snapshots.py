"""Snapshots: memory, devices and disk of a sandbox at one instant. They outlive the sandbox."""

from __future__ import annotations

import builtins

from ..models import SnapshotInfo, parse, parse_list
from ..requests import key_or_new, sandbox_path, segment
from .http import AsyncHttp, Call


class AsyncSnapshots:
    """Those of a workspace."""

    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    async def list(
        self, *, sandbox_id: str | None = None, timeout_seconds: float | None = None
    ) -> builtins.list[SnapshotInfo]:
        """Newest first."""
        call = Call(query={"sandbox_id": sandbox_id}, timeout_seconds=timeout_seconds)
        return parse_list(SnapshotInfo, (await self._http.json("GET", "/snapshots", call))["snapshots"])

    async def get(self, snapshot_id: str, *, timeout_seconds: float | None = None) -> SnapshotInfo:
        """One of them.

        Raises:
            NotFoundError: `snapshot.not_found`
        """
        call = Call(timeout_seconds=timeout_seconds)
        return parse(SnapshotInfo, await self._http.json("GET", f"/snapshots/{segment(snapshot_id)}", call))

    async def delete(self, snapshot_id: str, *, timeout_seconds: float | None = None) -> None:
        """Sandboxes made from it live on."""
        await self._http.json("DELETE", f"/snapshots/{segment(snapshot_id)}", Call(timeout_seconds=timeout_seconds))


class AsyncSandboxSnapshots:
    """Those of one sandbox."""

    def __init__(self, http: AsyncHttp, sandbox_id: str) -> None:
        self._http = http
        self._sandbox_id = sandbox_id
        self._all = AsyncSnapshots(http)

    async def create(self, *, idempotency_key: str | None = None, timeout_seconds: float | None = None) -> SnapshotInfo:
        """The sandbox stands still for its making, and goes on."""
        call = Call(idempotency_key=key_or_new(idempotency_key), timeout_seconds=timeout_seconds)
        return parse(SnapshotInfo, await self._http.json("POST", f"{sandbox_path(self._sandbox_id)}/snapshots", call))

    async def list(self, *, timeout_seconds: float | None = None) -> builtins.list[SnapshotInfo]:
        """Newest first."""
        return await self._all.list(sandbox_id=self._sandbox_id, timeout_seconds=timeout_seconds)

    async def get(self, snapshot_id: str, *, timeout_seconds: float | None = None) -> SnapshotInfo:
        """One of them.

        Raises:
            NotFoundError: `snapshot.not_found`
        """
        return await self._all.get(snapshot_id, timeout_seconds=timeout_seconds)

    async def delete(self, snapshot_id: str, *, timeout_seconds: float | None = None) -> None:
        """Sandboxes made from it live on."""
        await self._all.delete(snapshot_id, timeout_seconds=timeout_seconds)
