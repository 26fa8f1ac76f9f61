"""Handles that were made without a client, and their connections."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from ..config import resolve_config
from .http import AsyncHttp, Call

if TYPE_CHECKING:
    from .client import AsyncPandaStack


def http_of(client: AsyncPandaStack | None) -> AsyncHttp:
    """The client's, or one of its own."""
    return AsyncHttp(resolve_config()) if client is None else client.http


@asynccontextmanager
async def closed_on_failure(http: AsyncHttp, is_ours: bool) -> AsyncIterator[None]:
    """There will be no handle that could."""
    try:
        yield
    except BaseException:
        if is_ours:
            await http.aclose()
        raise


async def ask_once(http: AsyncHttp, method: str, path: str, call: Call, *, is_ours: bool) -> Any:
    """The answer as JSON; without a client, no connection is left open behind it."""
    try:
        return await http.json(method, path, call)
    finally:
        if is_ours:
            await http.aclose()
