"""Copies of a running sandbox."""

from __future__ import annotations

from contextlib import suppress

from ..errors import PandaStackError, error_of_body
from ..models import SandboxInfo, parse_list
from ..options import ForkOptions, fork_body
from ..requests import key_or_new, sandbox_path
from .http import AsyncHttp, Call


async def fork_into(http: AsyncHttp, path: str, count: int | None, options: ForkOptions) -> list[SandboxInfo]:
    """The children, in index order.

    All or nothing: where one could not be made, the others are removed and its error is raised.
    """
    call = Call(
        json=fork_body(count, options),
        idempotency_key=key_or_new(options.get("idempotency_key")),
        timeout_seconds=options.get("timeout_seconds"),
    )
    answer = await http.json("POST", path, call)
    children = parse_list(SandboxInfo, answer["children"])
    errors = answer.get("errors")
    if errors:
        for child in children:
            with suppress(PandaStackError):
                await http.json("DELETE", sandbox_path(child.id))
        raise error_of_body(errors[0])
    return children
