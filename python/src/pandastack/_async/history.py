"""What a sandbox wrote, and what happened to it."""

from __future__ import annotations

import codecs
from collections.abc import AsyncGenerator
from contextlib import aclosing

from ..errors import ConnectionError, NotFoundError, PandaStackError
from ..frames import fields_of
from ..models import EventInfo, parse, parse_list
from .answer import AsyncAnswer
from .http import AsyncHttp, Call, Query

# Connections in a row that brought nothing: then the server is away for longer than a restart.
_MAX_EMPTY_CONNECTIONS = 3


async def read_logs(
    http: AsyncHttp, path: str, query: Query, timeout_seconds: float | None
) -> AsyncGenerator[str, None]:
    """Line by line."""
    is_followed = bool(query.get("follow"))
    accept = "text/event-stream" if is_followed else "text/plain"
    answer = await http.open("GET", path, Call(query=query, accept=accept, timeout_seconds=timeout_seconds))
    try:
        if is_followed:
            async with aclosing(answer.events()) as frames:
                async for frame in frames:
                    yield str(fields_of(frame).get("line", ""))
        else:
            async with aclosing(_lines(answer)) as lines:
                async for line in lines:
                    yield line
    finally:
        await answer.aclose()


async def _lines(answer: AsyncAnswer) -> AsyncGenerator[str, None]:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    pending = ""
    async with aclosing(answer.body()) as pieces:
        async for piece in pieces:
            *lines, pending = (pending + decoder.decode(piece)).split("\n")
            for line in lines:
                yield line.removesuffix("\r")
    pending += decoder.decode(b"", final=True)
    if pending:
        yield pending


async def read_events(
    http: AsyncHttp, path: str, query: Query, timeout_seconds: float | None
) -> AsyncGenerator[EventInfo, None]:
    """Those that there are, oldest first."""
    answer = await http.json("GET", path, Call(query=query, timeout_seconds=timeout_seconds))
    for event in parse_list(EventInfo, answer["events"]):
        yield event


async def follow_events(
    http: AsyncHttp, path: str, since: int | None, tail: int | None, timeout_seconds: float | None
) -> AsyncGenerator[EventInfo, None]:
    """Those to come too. A broken connection is made anew, and nothing is missed."""
    has_followed = False
    empty = 0
    while True:
        query: Query = {"follow": True, "since": since, "tail": tail}
        try:
            call = Call(query=query, accept="text/event-stream", timeout_seconds=timeout_seconds)
            answer = await http.open("GET", path, call)
            has_followed = True
            try:
                async with aclosing(answer.events()) as frames:
                    async for frame in frames:
                        event = parse(EventInfo, fields_of(frame))
                        empty = 0
                        # From here on everything counts, however much there is.
                        since, tail = event.id, None
                        yield event
            finally:
                await answer.aclose()
            return
        except NotFoundError:
            # Followed until it was gone, and its end missed.
            if has_followed:
                return
            raise
        except PandaStackError as error:
            is_transient = error.retryable or (isinstance(error, ConnectionError) and error.code == "client.connection")
            if not is_transient or empty >= _MAX_EMPTY_CONNECTIONS:
                raise
            empty += 1
