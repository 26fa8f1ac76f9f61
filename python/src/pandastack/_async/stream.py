"""Something that comes piece by piece."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")


class AsyncStream(AsyncIterator[T], Generic[T]):
    """Loop over it. `close()`, or the end of a `with`, ends the connection behind it, and nothing else: a command goes on.

    Example:
        async with sandbox.logs(follow=True) as lines:
            async for line in lines:
                print(line)
    """

    def __init__(self, read: Callable[[], AsyncGenerator[T, None]]) -> None:
        self._items = read()

    def __aiter__(self) -> AsyncStream[T]:
        return self

    async def __anext__(self) -> T:
        return await self._items.__anext__()

    async def to_list(self) -> list[T]:
        """Everything to its end. Not for what has none."""
        async with self:
            return [item async for item in self]

    async def aclose(self) -> None:
        """Ends the connection."""
        await self._items.aclose()

    async def __aenter__(self) -> AsyncStream[T]:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()
