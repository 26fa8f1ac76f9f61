"""The sandboxes of a workspace."""

from __future__ import annotations

import builtins

from typing_extensions import Unpack

from ..options import CreateOptions
from ..requests import sandbox_path
from .create import create_sandbox, get_sandbox, list_sandboxes
from .http import AsyncHttp, Call
from .sandbox import AsyncSandbox


class AsyncSandboxes:
    """Made and found here, with one client's server and token."""

    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    async def create(self, **options: Unpack[CreateOptions]) -> AsyncSandbox:
        """A new sandbox. It answers once commands work.

        Raises:
            CapacityError: the server or the workspace is full
        """
        return AsyncSandbox(self._http, await create_sandbox(self._http, options))

    async def list(
        self, *, status: str | None = None, timeout_seconds: float | None = None
    ) -> builtins.list[AsyncSandbox]:
        """Newest first."""
        infos = await list_sandboxes(self._http, status, timeout_seconds)
        return [AsyncSandbox(self._http, info) for info in infos]

    async def get(self, sandbox_id: str, *, timeout_seconds: float | None = None) -> AsyncSandbox:
        """One that exists. Neither wakes it nor keeps it from expiring.

        Raises:
            NotFoundError: `sandbox.not_found`
        """
        return AsyncSandbox(self._http, await get_sandbox(self._http, sandbox_id, timeout_seconds))

    async def kill(self, sandbox_id: str, *, timeout_seconds: float | None = None) -> None:
        """Removes one with all that is in it. Repeatable."""
        await self._http.json("DELETE", sandbox_path(sandbox_id), Call(timeout_seconds=timeout_seconds))
