"""What sandboxes are made from, and where they run."""

from __future__ import annotations

import builtins

from ..models import HostInfo, TemplateInfo, parse, parse_list
from ..requests import segment
from .http import AsyncHttp, Call


class AsyncTemplates:
    """What sandboxes can be made from."""

    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    async def list(self, *, timeout_seconds: float | None = None) -> builtins.list[TemplateInfo]:
        """By name."""
        call = Call(timeout_seconds=timeout_seconds)
        return parse_list(TemplateInfo, await self._http.json("GET", "/templates", call))

    async def get(self, name: str, *, timeout_seconds: float | None = None) -> TemplateInfo:
        """By its name or an alias."""
        call = Call(timeout_seconds=timeout_seconds)
        return parse(TemplateInfo, await self._http.json("GET", f"/templates/{segment(name)}", call))


class AsyncHosts:
    """The machines that run sandboxes, and what isolates those."""

    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

    async def list(self, *, timeout_seconds: float | None = None) -> builtins.list[HostInfo]:
        """With what they have left."""
        call = Call(timeout_seconds=timeout_seconds)
        return parse_list(HostInfo, await self._http.json("GET", "/hosts", call))
