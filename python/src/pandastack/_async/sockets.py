"""WebSockets on paths of the API."""

from __future__ import annotations

import builtins
import time
from contextlib import suppress

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from ..errors import ConnectionError, PandaStackError, TimeoutError, error_of_answer
from ..faults import connection_error, no_answer
from ..version import USER_AGENT
from .answer import SILENCE_LIMIT_SECONDS
from .http import AsyncHttp
from .local import ClientConnection, open_socket, receive, wait_for_pong

_PONG_SECONDS = 20.0
_MESSAGE_LIMIT_BYTES = 16 * 1024 * 1024


async def connect(http: AsyncHttp, path: str, limit: float) -> ClientConnection:
    """Opens one. `limit`: seconds for the opening; 0: none."""
    url = http.url(path).replace("http", "ws", 1)
    try:
        limits = (limit or None, _MESSAGE_LIMIT_BYTES)
        return await open_socket(url, http.authorization(), USER_AGENT, http.tls, limits)
    except InvalidStatus as error:
        answer = error.response
        headers = {name.lower(): value for name, value in answer.headers.raw_items()}
        raise error_of_answer(answer.status_code, headers, bytes(answer.body or b"")) from error
    except InvalidURI as error:
        raise PandaStackError(f"{url} is no address: {error}", code="client.bad_url") from error
    except OSError as error:
        if isinstance(error, builtins.TimeoutError):
            raise no_answer(http.config.base_url, limit) from error
        raise connection_error(http.config.base_url, error) from error
    except (InvalidHandshake, ConnectionClosed, EOFError) as error:
        raise connection_error(http.config.base_url, error) from error


async def receive_message(socket: ClientConnection, end: float) -> str | bytes | None:
    """The next one; None: the connection has ended. TimeoutError beyond `end`."""
    while True:
        left = end - time.monotonic()
        if left <= 0:
            raise TimeoutError("it took longer than its limit", code="client.timeout")
        try:
            return await receive(socket, min(left, SILENCE_LIMIT_SECONDS))
        except ConnectionClosed:
            return None
        except builtins.TimeoutError:
            if left <= SILENCE_LIMIT_SECONDS:
                continue
        with suppress(ConnectionClosed):
            if not await wait_for_pong(socket, _PONG_SECONDS):
                text = f"the server has said nothing for {SILENCE_LIMIT_SECONDS:g} s"
                raise ConnectionError(text, code="client.connection")
