"""What no generator can turn into the other half: sleeping, threads, waiting for a socket. `_sync/local.py` is its twin."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Sequence
from typing import BinaryIO, TypeVar

from websockets.asyncio.client import ClientConnection, connect

T = TypeVar("T")

PIECE_BYTES = 256 * 1024

__all__ = [
    "ClientConnection",
    "Number",
    "Pieces",
    "all_at_once",
    "beside",
    "in_thread",
    "open_socket",
    "pause",
    "pieces_of",
    "receive",
    "settled",
    "wait_for_pong",
]

Pieces = AsyncIterable[bytes]

Number = float | Awaitable[float | None] | None
"""What a function may answer that is asked for a number: itself, or what becomes one."""


async def pause(seconds: float) -> None:
    """Waits."""
    await asyncio.sleep(seconds)


async def in_thread(work: Callable[[], T]) -> T:
    """What would block."""
    return await asyncio.to_thread(work)


async def pieces_of(file: BinaryIO) -> AsyncIterator[bytes]:
    """A local file or pipe, as it comes."""
    while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
        yield piece


async def beside(first: Callable[[], Awaitable[None]], second: Callable[[], Awaitable[T]]) -> T:
    """Both at once; what the first raises goes before what the second does."""
    one = asyncio.ensure_future(first())
    other = asyncio.ensure_future(second())
    try:
        await asyncio.wait([one, other])
    except asyncio.CancelledError:
        one.cancel()
        other.cancel()
        await asyncio.gather(one, other, return_exceptions=True)
        raise
    await asyncio.gather(one, other, return_exceptions=True)
    one.result()
    return other.result()


async def all_at_once(
    works: Sequence[Callable[[], Awaitable[T]]], on_failure: Callable[[], Awaitable[None]]
) -> list[T]:
    """All of them side by side, in their order; where one fails the others are ended and `on_failure` is called."""
    tasks = [asyncio.ensure_future(work()) for work in works]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await on_failure()
        raise


async def settled(number: Number) -> float | None:
    """A number, at once or later."""
    return await number if isinstance(number, Awaitable) else number


async def open_socket(
    url: str, headers: dict[str, str], user_agent: str, tls: ssl.SSLContext | None, limits: tuple[float | None, int]
) -> ClientConnection:
    """A WebSocket. `limits`: seconds for its opening, bytes of a message."""
    return await connect(
        url,
        additional_headers=headers,
        user_agent_header=user_agent,
        ssl=tls,
        compression=None,
        open_timeout=limits[0],
        # A slow reader's connection stands still, and then no ping is answered: `wait_for_pong` asks where nothing comes.
        ping_interval=None,
        max_size=limits[1],
    )


async def receive(socket: ClientConnection, seconds: float) -> str | bytes:
    """The next message; TimeoutError where none comes."""
    try:
        return await asyncio.wait_for(socket.recv(), seconds)
    except asyncio.TimeoutError:
        # In Python 3.10 that is another class.
        raise TimeoutError from None


async def wait_for_pong(socket: ClientConnection, seconds: float) -> bool:
    """Whether the other side is there."""
    pong = await socket.ping()
    try:
        await asyncio.wait_for(pong, seconds)
    except asyncio.TimeoutError:
        return False
    return True
