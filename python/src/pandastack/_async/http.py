"""One server, one token. Knows nothing about sandboxes."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, TypeVar

import httpx

from ..config import Config
from ..errors import PandaStackError, error_of_answer, parse_json
from ..faults import connection_error, default_tls, no_answer
from ..models import bad_answer
from ..requests import FormPart
from ..retry import LEAST_ATTEMPT_SECONDS, pause_before
from ..version import USER_AGENT
from .answer import AsyncAnswer, Late
from .local import Pieces, pause

T = TypeVar("T")

Query = Mapping[str, str | int | bool | None]


@dataclass(frozen=True)
class Call:
    """What a request has beside its method and path."""

    query: Query | None = None
    json: Any = None
    content: str | bytes | Pieces | None = None
    form: Sequence[FormPart] | None = None
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

    def __init__(self, config: Config, tls: ssl.SSLContext | None = None) -> None:
        self.config = config
        self.tls = (tls or default_tls()) if config.base_url.startswith("https:") else None
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
        with self._opening:
            self._holders += 1

    async def let_go(self) -> None:
        """One less; the last one closes the connections."""
        with self._opening:
            self._holders -= 1
            is_last = self._holders == 0
        if is_last:
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
                # One more for which there is no time would only hide the reason behind a timeout.
                if wait is None or time.monotonic() + wait + LEAST_ATTEMPT_SECONDS >= end:
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
                files=_files(call.form),
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
            if isinstance(error, Late):
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


def _files(form: Sequence[FormPart] | None) -> list[tuple[str, tuple[str | None, bytes | BinaryIO]]] | None:
    """As httpx takes them; a part without a file's name is a text."""
    return None if form is None else [(part.name, (part.file_name, part.content)) for part in form]


def _query(query: Query | None) -> dict[str, str] | None:
    if query is None:
        return None
    texts = {True: "true", False: "false"}
    return {
        name: texts[value] if isinstance(value, bool) else str(value)
        for name, value in query.items()
        if value is not None
    }
