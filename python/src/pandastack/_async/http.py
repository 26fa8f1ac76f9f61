"""One server, one token. Knows nothing about sandboxes."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeVar

import certifi
import httpx

from ..config import Config
from ..errors import ConnectionError, PandaStackError, TimeoutError, error_of_answer, parse_json
from ..models import bad_answer
from ..retry import pause_before
from ..sse import ServerEvent, ServerEventParser
from ..version import USER_AGENT
from .local import Pieces, pause

T = TypeVar("T")

SILENCE_LIMIT_SECONDS = 65.0
"""The server says something every 15 to 20 seconds on every stream: a connection this long without a byte is dead."""

Query = Mapping[str, str | int | bool | None]


@dataclass(frozen=True)
class Call:
    """What a request has beside its method and path."""

    query: Query | None = None
    json: Any = None
    content: str | bytes | Pieces | None = None
    accept: str = "application/json"
    content_type: str | None = None
    idempotency_key: str | None = None
    """Makes a POST repeatable: the server does the work once for a key, and answers the same."""
    is_repeatable: bool | None = None
    """Whether asking twice does no harm. Default: by method and key."""
    timeout_seconds: float | None = None
    """Longest wait for the answer, repetitions included; 0: for ever. Default: the client's."""


class AsyncHttp:
    """Asks, and asks again where that helps."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.tls = _tls_context() if config.base_url.startswith("https:") else None
        self._client: httpx.AsyncClient | None = None
        self._opening = threading.Lock()
        self._holders = 0

    async def json(self, method: str, path: str, call: Call | None = None) -> Any:
        """The answer as JSON; None where it has no body. The limit covers the body too."""
        return await self._attempt(method, path, call or Call(), _read_json)

    async def whole(self, method: str, path: str, call: Call | None = None) -> bytes:
        """The answer whole, as it is."""
        return await self._attempt(method, path, call or Call(), _read_all)

    async def open(self, method: str, path: str, call: Call | None = None) -> AsyncAnswer:
        """The answer as it begins, within the limit; its body is the caller's to read, and to close, and may take any time."""
        return await self._attempt(method, path, call or Call(), _leave_open)

    def url(self, path: str) -> str:
        """Of a path below `/v1`."""
        if not self.config.base_url.startswith(("http://", "https://")):
            raise PandaStackError(f"{self.config.base_url!r} is no address of a server", code="client.bad_url")
        return f"{self.config.base_url}/v1{path}"

    def authorization(self) -> dict[str, str]:
        """The token, where there is one."""
        key = self.config.api_key
        if key is None:
            return {}
        if not key.isascii() or not key.isprintable():
            raise PandaStackError("the token has characters that no token has", code="auth.invalid_token")
        return {"authorization": f"Bearer {key}"}

    def hold(self) -> None:
        """One more handle that this was made for, and for no client."""
        self._holders += 1

    async def let_go(self) -> None:
        """One less; the last one closes the connections."""
        self._holders -= 1
        if self._holders == 0:
            await self.aclose()

    async def aclose(self) -> None:
        """Lets go of all connections. A later call opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _attempt(
        self, method: str, path: str, call: Call, read: Callable[[AsyncAnswer, float], Awaitable[T]]
    ) -> T:
        """Tries again what failed with a retriable fault and may be repeated, while there is time."""
        is_repeatable = call.is_repeatable
        if is_repeatable is None:
            is_repeatable = method not in ("POST", "PATCH") or call.idempotency_key is not None
        limit = self.config.timeout_seconds if call.timeout_seconds is None else call.timeout_seconds
        end = time.monotonic() + limit if limit > 0 else float("inf")
        attempt = 1
        while True:
            try:
                return await self._once(method, path, call, (end, limit), read)
            except PandaStackError as error:
                wait = pause_before(attempt, error, is_repeatable)
                # To wait for longer than there is time would only hide the reason behind a timeout.
                if wait is None or time.monotonic() + wait >= end:
                    raise
            await pause(wait)
            attempt += 1

    async def _once(
        self,
        method: str,
        path: str,
        call: Call,
        limits: tuple[float, float],
        read: Callable[[AsyncAnswer, float], Awaitable[T]],
    ) -> T:
        end, limit = limits
        client = self._open_client()
        url = self.url(path)
        left = None if end == float("inf") else max(0.001, end - time.monotonic())
        try:
            request = client.build_request(
                method,
                url,
                params=_query(call.query),
                json=call.json,
                content=call.content,
                headers=self._headers(call),
                timeout=httpx.Timeout(left),
            )
            answer = AsyncAnswer(await client.send(request, stream=True), self.config.base_url)
        except httpx.TimeoutException as error:
            raise no_answer(self.config.base_url, limit) from error
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise PandaStackError(f"{url} is no address: {error}", code="client.bad_url") from error
        except httpx.TransportError as error:
            raise connection_error(self.config.base_url, error) from error
        try:
            if answer.status >= 300:
                raise error_of_answer(answer.status, answer.headers, await answer.read(end))
            return await read(answer, end)
        except BaseException as error:
            await answer.aclose()
            if isinstance(error, _Late):
                raise no_answer(self.config.base_url, limit) from error
            raise

    def _headers(self, call: Call) -> dict[str, str]:
        headers = {"accept": call.accept, "user-agent": USER_AGENT, **self.authorization()}
        if call.content_type is not None:
            headers["content-type"] = call.content_type
        if call.idempotency_key is not None:
            headers["idempotency-key"] = call.idempotency_key
        return headers

    def _open_client(self) -> httpx.AsyncClient:
        with self._opening:
            if self._client is None:
                # As many commands at a time as the caller likes: the server says where it has enough.
                limits = httpx.Limits(max_connections=None, max_keepalive_connections=100)
                self._client = httpx.AsyncClient(verify=self.tls or False, limits=limits)
            return self._client


class _Late(Exception):
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
                    raise _Late
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
                raise _Late from error
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


async def _read_json(answer: AsyncAnswer, end: float) -> Any:
    text = (await answer.read(end)).decode("utf-8", "replace")
    if text == "":
        return None
    value = parse_json(text)
    if value is None and text.strip() != "null":
        raise bad_answer("it is no JSON")
    return value


async def _read_all(answer: AsyncAnswer, end: float) -> bytes:
    return await answer.read(end)


async def _leave_open(answer: AsyncAnswer, _end: float) -> AsyncAnswer:
    return answer


def _query(query: Query | None) -> dict[str, str] | None:
    if query is None:
        return None
    texts = {True: "true", False: "false"}
    return {
        name: texts[value] if isinstance(value, bool) else str(value)
        for name, value in query.items()
        if value is not None
    }


def _tls_context() -> ssl.SSLContext:
    """Whom the system trusts, and whom browsers do: a server of one's own often has a certificate of one's own."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


def connection_error(base_url: str, error: Exception) -> ConnectionError:
    """No answer, or not all of it."""
    reason = str(error) or type(error).__name__
    text = f"cannot reach PandaStack at {base_url}: {reason}"
    hint = "its certificate is signed by nobody known here; SSL_CERT_FILE names a file with more of them"
    is_tls = "CERTIFICATE_VERIFY_FAILED" in reason
    return ConnectionError(text, code="client.connection", retryable=not is_tls, hint=hint if is_tls else None)


def no_answer(base_url: str, seconds: float) -> TimeoutError:
    """The whole limit went by."""
    return TimeoutError(f"no answer from {base_url} within {seconds:g} s", code="client.timeout")
