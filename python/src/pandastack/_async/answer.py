"""An answer, as it comes."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

import httpx

from ..errors import ConnectionError, TimeoutError
from ..faults import connection_error
from ..sse import ServerEvent, ServerEventParser

SILENCE_LIMIT_SECONDS = 65.0
"""The server says something every 15 to 20 seconds on every stream: a connection this long without a byte is dead."""


class Late(Exception):
    """The answer began in time and did not end in it."""


class AsyncAnswer:
    """An answer whose body has not been read."""

    def __init__(self, response: httpx.Response, base_url: str) -> None:
        self._response = response
        self._base_url = base_url
        self.status = response.status_code
        self.headers = response.headers

    async def read(self, end: float = float("inf")) -> bytes:
        """All of it."""
        pieces: list[bytes] = []
        async with aclosing(self.pieces()) as incoming:
            async for piece in incoming:
                pieces.append(piece)
                if time.monotonic() > end:
                    raise Late
        await self.aclose()
        return b"".join(pieces)

    async def pieces(self, silence_seconds: float | None = None) -> AsyncGenerator[bytes, None]:
        """As it comes. With a limit for silence: of a sender that is known to send heartbeats."""
        if silence_seconds is not None:
            self._response.request.extensions["timeout"]["read"] = silence_seconds
        try:
            async for piece in self._response.aiter_bytes():
                yield piece
        except httpx.TimeoutException as error:
            if silence_seconds is None:
                raise Late from error
            text = f"the server has said nothing for {silence_seconds:g} s"
            raise ConnectionError(text, code="client.connection") from error
        except httpx.TransportError as error:
            raise connection_error(self._base_url, error) from error

    async def body(self) -> AsyncGenerator[bytes, None]:
        """As it comes, for a reader who takes any time; a sender who is silent for long is gone."""
        async with aclosing(self.pieces(SILENCE_LIMIT_SECONDS)) as incoming:
            async for piece in incoming:
                yield piece

    async def events(self, end: float = float("inf")) -> AsyncGenerator[ServerEvent, None]:
        """Its frames, of an event stream. TimeoutError where it goes on beyond `end`."""
        parser = ServerEventParser()
        async with aclosing(self.pieces(SILENCE_LIMIT_SECONDS)) as incoming:
            async for piece in incoming:
                for frame in parser.push(piece):
                    yield frame
                if time.monotonic() > end:
                    raise TimeoutError("it took longer than its limit", code="client.timeout")

    async def aclose(self) -> None:
        """Ends the connection, unless all was read."""
        await self._response.aclose()
