"""A TCP connection to a port in a sandbox."""

from __future__ import annotations

from contextlib import suppress
from types import TracebackType

from websockets.exceptions import ConnectionClosed

from ..errors import ConnectionError
from .connection import INPUT_PIECE_BYTES
from .http import AsyncHttp
from .local import ClientConnection
from .sockets import connect, receive_message

_NORMAL_CLOSE = 1000
# Compared as it is.
_END_MESSAGE = '{"end":true}'


class AsyncPortConnection:
    """Bytes both ways, with a socket's words.

    Example:
        async with await sandbox.ports.connect(5432) as connection:
            await connection.send(b"hello")
            print(await connection.receive())
    """

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    async def send(self, data: bytes) -> None:
        """Returns once the bytes have left."""
        try:
            for at in range(0, len(data), INPUT_PIECE_BYTES):
                await self._socket.send(data[at : at + INPUT_PIECE_BYTES])
        except ConnectionClosed as error:
            raise _lost() from error

    async def end(self) -> None:
        """This side has no more to send, and goes on listening."""
        with suppress(ConnectionClosed):
            await self._socket.send(_END_MESSAGE)

    async def receive(self) -> bytes:
        """The next bytes, however many; none: the server inside has said everything."""
        while True:
            message = await receive_message(self._socket, float("inf"))
            if message is None:
                if self._socket.close_code != _NORMAL_CLOSE:
                    raise _lost()
                return b""
            if isinstance(message, bytes) and message:
                return message

    async def aclose(self) -> None:
        """Both ways."""
        await self._socket.close()

    async def __aenter__(self) -> AsyncPortConnection:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


async def connect_port(http: AsyncHttp, sandbox: str, port: int, timeout_seconds: float | None) -> AsyncPortConnection:
    """Opens one. Wakes the sandbox."""
    limit = http.config.timeout_seconds if timeout_seconds is None else timeout_seconds
    return AsyncPortConnection(await connect(http, f"{sandbox}/tcp/{port:d}", limit))


def _lost() -> ConnectionError:
    return ConnectionError("the connection to the port in the sandbox is lost", code="client.connection")
