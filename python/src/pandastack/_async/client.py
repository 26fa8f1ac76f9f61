"""One server, one token."""

from __future__ import annotations

import ssl
from types import TracebackType
from typing import Any

from ..config import resolve_config
from .accounts import AsyncAudit, AsyncTokens, AsyncWorkspaces
from .hosts import AsyncHosts
from .http import AsyncHttp, Call
from .sandboxes import AsyncSandboxes
from .snapshots import AsyncSnapshots
from .templates import AsyncTemplates
from .volumes import AsyncVolumes


class AsyncPandaStack:
    """One server, one token.

    What is not given comes from the environment (`PANDASTACK_API_KEY` or `PANDASTACK_TOKEN`, `PANDASTACK_API_URL` or
    `PANDASTACK_API`), then from the file that `npm start` writes.

    Example:
        async with AsyncPandaStack() as panda:
            sandbox = await panda.sandboxes.create(ttl_seconds=300)
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        token: str | None = None,
        base_url: str | None = None,
        api_url: str | None = None,
        timeout_seconds: float | None = None,
        preview_host: str | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        """Where the server is and who asks.

        Args:
            api_key: a token, `pds_…`
            token: another name of `api_key`
            base_url: the server's root, without `/v1`. Default `http://127.0.0.1:8080`
            api_url: another name of `base_url`
            timeout_seconds: longest wait for an answer, for calls that name none; 0: for ever. Default 60
            preview_host: what host names of previews end in: the server's `PANDASTACK_PREVIEW_HOST_SUFFIX`, and its port where
                that is not the scheme's own. Default: `PANDASTACK_PREVIEW_HOST`, else `localhost:<port>` of a server on an
                address, else its name without a leading `api.`
            ssl_context: for certificates of your own. Default: those that the system and browsers trust
        """
        config = resolve_config(api_key or token, base_url or api_url, timeout_seconds, preview_host)
        self.http = AsyncHttp(config, ssl_context)
        """What the handles speak through."""
        self.sandboxes = AsyncSandboxes(self.http)
        """Made and found here."""
        self.snapshots = AsyncSnapshots(self.http)
        """Of all sandboxes."""
        self.volumes = AsyncVolumes(self.http)
        """Disks that outlive sandboxes."""
        self.templates = AsyncTemplates(self.http)
        """What sandboxes can be made from, and builds of your own."""
        self.hosts = AsyncHosts(self.http)
        """The machines that run them."""
        self.tokens = AsyncTokens(self.http)
        """Of this workspace."""
        self.workspaces = AsyncWorkspaces(self.http)
        """For admins."""
        self.audit = AsyncAudit(self.http)
        """Who did what."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.base_url}>"

    @property
    def base_url(self) -> str:
        """The server's root."""
        return self.http.config.base_url

    async def request(self, method: str, path: str, json: Any = None, *, timeout_seconds: float | None = None) -> Any:
        """Any other path below `/v1`, for what this client has no name for."""
        return await self.http.json(method, path, Call(json=json, timeout_seconds=timeout_seconds))

    async def aclose(self) -> None:
        """Lets go of idle connections. A later call opens new ones."""
        await self.http.aclose()

    async def __aenter__(self) -> AsyncPandaStack:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
