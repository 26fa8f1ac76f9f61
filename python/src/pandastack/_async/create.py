"""Makes and finds sandboxes."""

from __future__ import annotations

from ..models import SandboxInfo, parse, parse_list
from ..options import CreateOptions, create_body
from ..requests import key_or_new, sandbox_path
from .http import AsyncHttp, Call
from .template_wait import when_template_is_ready


async def create_sandbox(http: AsyncHttp, options: CreateOptions) -> SandboxInfo:
    """A new one. It answers once commands work."""
    call = Call(
        json=create_body(options),
        idempotency_key=key_or_new(options.get("idempotency_key")),
        timeout_seconds=options.get("timeout_seconds"),
    )
    answer = await when_template_is_ready(
        http, options, call.timeout_seconds, lambda: http.json("POST", "/sandboxes", call)
    )
    return parse(SandboxInfo, answer)


async def get_sandbox(http: AsyncHttp, sandbox_id: str, timeout_seconds: float | None) -> SandboxInfo:
    """One that exists."""
    call = Call(timeout_seconds=timeout_seconds)
    return parse(SandboxInfo, await http.json("GET", sandbox_path(sandbox_id), call))


async def list_sandboxes(http: AsyncHttp, status: str | None, timeout_seconds: float | None) -> list[SandboxInfo]:
    """Newest first."""
    call = Call(query={"status": status}, timeout_seconds=timeout_seconds)
    return parse_list(SandboxInfo, await http.json("GET", "/sandboxes", call))
