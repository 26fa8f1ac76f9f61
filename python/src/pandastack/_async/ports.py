"""TCP ports of a sandbox, and how to reach servers on them."""

from __future__ import annotations

import builtins
from collections.abc import Sequence

from ..models import PortInfo, PreviewLink, parse, parse_list
from ..requests import given, sandbox_path
from .http import AsyncHttp, Call
from .port_connection import AsyncPortConnection, connect_port

_LAST_PORT = 65_535


class AsyncPorts:
    """Of one sandbox."""

    def __init__(self, http: AsyncHttp, sandbox_id: str) -> None:
        self._http = http
        self._id = sandbox_id
        self._sandbox = sandbox_path(sandbox_id)

    def url(self, port: int) -> str:
        """The address of a port's own host.

        Private unless the port is public: a browser wants `create_preview_link`, a program sends the API token. Made here, without
        asking: where the server has a preview domain of its own, say `preview_host` to the client.
        """
        return f"{self._http.config.base_url.split(':')[0]}://{self.host(port)}"

    def host(self, port: int) -> str:
        """Its host name, and port where the server's is not the scheme's own: `3000-<id>.example.com`."""
        if not 1 <= port <= _LAST_PORT:
            raise ValueError(f"{port} is no port")
        return f"{port:d}-{self._id}.{self._http.config.preview_host}"

    async def connect(self, port: int, *, timeout_seconds: float | None = None) -> AsyncPortConnection:
        """A TCP connection to whatever listens on a port. Wakes the sandbox."""
        return await connect_port(self._http, self._sandbox, port, timeout_seconds)

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
            ttl_seconds: default 3600, at most seven days
            paths: only these and what is below them; default all
            timeout_seconds: of this call
        """
        body = given(port=port, ttl_seconds=ttl_seconds, paths=None if paths is None else [*paths])
        call = Call(json=body, timeout_seconds=timeout_seconds)
        return parse(PreviewLink, await self._http.json("POST", f"{self._sandbox}/preview-token", call))

    async def revoke_preview_links(self, *, token: str | None = None, timeout_seconds: float | None = None) -> None:
        """Takes back a link by its token, or all that were made until now. What is open through them ends."""
        call = Call(query={"token": token}, timeout_seconds=timeout_seconds)
        await self._http.json("DELETE", f"{self._sandbox}/preview-token", call)
