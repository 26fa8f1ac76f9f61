"""TCP ports of a sandbox, and how to reach servers on them."""

from __future__ import annotations

import builtins
from collections.abc import Sequence

from ..models import PortInfo, PreviewLink, parse, parse_list
from ..requests import given
from .http import AsyncHttp, Call


class AsyncPorts:
    """Of one sandbox."""

    def __init__(self, http: AsyncHttp, sandbox: str) -> None:
        self._http = http
        self._sandbox = sandbox

    async def list(self, *, timeout_seconds: float | None = None) -> builtins.list[PortInfo]:
        """Those that something listens on, by number."""
        call = Call(timeout_seconds=timeout_seconds)
        return parse_list(PortInfo, await self._http.json("GET", f"{self._sandbox}/ports", call))

    async def add(
        self,
        port: int,
        *,
        label: str | None = None,
        public: bool | None = None,
        timeout_seconds: float | None = None,
    ) -> PortInfo:
        """Gives a port a label, or, with `public`, opens its preview to anyone who knows the address."""
        call = Call(json=given(port=port, label=label, public=public), timeout_seconds=timeout_seconds)
        return parse(PortInfo, await self._http.json("POST", f"{self._sandbox}/ports", call))

    async def remove(self, port: int, *, timeout_seconds: float | None = None) -> None:
        """Takes the label away and makes the preview private again."""
        await self._http.json("DELETE", f"{self._sandbox}/ports/{port:d}", Call(timeout_seconds=timeout_seconds))

    async def create_preview_link(
        self,
        port: int,
        *,
        ttl_seconds: int | None = None,
        paths: Sequence[str] | None = None,
        timeout_seconds: float | None = None,
    ) -> PreviewLink:
        """A signed link to a server on a port, for people without a token.

        Args:
            port: where the server listens
            ttl_seconds: default 3600, at most seven days. It cannot be taken back before
            paths: only these and what is below them; default all
            timeout_seconds: of this call
        """
        body = given(port=port, ttl_seconds=ttl_seconds, paths=None if paths is None else [*paths])
        call = Call(json=body, timeout_seconds=timeout_seconds)
        return parse(PreviewLink, await self._http.json("POST", f"{self._sandbox}/preview-token", call))
