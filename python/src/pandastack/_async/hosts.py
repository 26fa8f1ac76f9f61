"""Where sandboxes run."""

from __future__ import annotations

import builtins

from ..models import HostInfo, parse_list
from .http import AsyncHttp, Call


class AsyncHosts:
    """The machines that run sandboxes, and what isolates those."""

    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    async def list(self, *, timeout_seconds: float | None = None) -> builtins.list[HostInfo]:
        """With what they have left."""
        call = Call(timeout_seconds=timeout_seconds)
        return parse_list(HostInfo, await self._http.json("GET", "/hosts", call))
