"""Code with state."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from types import TracebackType

from typing_extensions import Unpack

from ..errors import ConnectionError, NotFoundError, TimeoutError
from ..executions import CodeCallbacks, CodeEvent, CodeEventParser, Execution
from ..models import CodeContextInfo, parse, parse_list
from ..options import ContextRunOptions, RunCodeOptions, code_body
from ..requests import Json, given, segment, wait_limit
from .http import AsyncHttp, Call
from .stream import AsyncStream

# The server says something every 5 s.
_SILENCE_LIMIT_SECONDS = 65


class AsyncCodeContext:
    """A kernel of its own: what cells leave in it, nobody else sees. It outlives this program, hibernation and forks."""

    def __init__(self, http: AsyncHttp, code: AsyncCode, path: str, info: CodeContextInfo) -> None:
        self._http = http
        self._code = code
        self._path = f"{path}/contexts/{segment(info.id)}"
        self.info = info
        """As of when it was made, or listed."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id} {self.language}>"

    @property
    def id(self) -> str:
        """What others name it by."""
        return self.info.id

    @property
    def language(self) -> str:
        """What runs in it."""
        return self.info.language

    async def run(self, code: str, **options: Unpack[ContextRunOptions]) -> Execution:
        """As `code.run`, in this context."""
        return await self._code.run(code, context=self, **options)

    def stream(
        self, code: str, *, env: Mapping[str, str] | None = None, timeout_seconds: float | None = None
    ) -> AsyncStream[CodeEvent]:
        """As `code.stream`, in this context."""
        return self._code.stream(code, context=self, env=env, timeout_seconds=timeout_seconds)

    async def restart(self, *, timeout_seconds: float | None = None) -> None:
        """A new kernel, without variables. What runs ends with an error."""
        await self._http.json("POST", f"{self._path}/restart", Call(timeout_seconds=timeout_seconds))

    async def interrupt(self, *, timeout_seconds: float | None = None) -> None:
        """As Ctrl-C would."""
        await self._http.json("POST", f"{self._path}/interrupt", Call(timeout_seconds=timeout_seconds))

    async def delete(self, *, timeout_seconds: float | None = None) -> None:
        """Ends it and frees its memory."""
        await self._http.json("DELETE", self._path, Call(timeout_seconds=timeout_seconds))

    async def __aenter__(self) -> AsyncCodeContext:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.delete()


class AsyncCode:
    """Variables stay from cell to cell; pictures and tables come back as such.

    `timeout_seconds` is the code's own limit: it is interrupted then and TimeoutError raised, code `exec.timeout`; its context
    stays, with its variables.
    """

    def __init__(self, http: AsyncHttp, sandbox: str) -> None:
        self._http = http
        self._path = f"{sandbox}/code"

    async def run(self, code: str, **options: Unpack[RunCodeOptions]) -> Execution:
        """Runs code to its end. Code that fails is an answer with `error`.

        Args:
            code: in `language`
            options: `language`, `context`, `env`, `timeout_seconds`; `on_stdout`, `on_stderr`, `on_result` and `on_error` are
                called while it runs

        Raises:
            TimeoutError: `exec.timeout`, after `timeout_seconds`
        """
        body = code_body(code, options)
        callbacks = CodeCallbacks(
            options.get("on_stdout"), options.get("on_stderr"), options.get("on_result"), options.get("on_error")
        )
        execution = Execution()
        limit = wait_limit(options.get("timeout_seconds"))
        async with aclosing(self._events(body, limit)) as events:
            async for event in events:
                callbacks.take(execution, event)
        return execution

    def stream(
        self,
        code: str,
        *,
        language: str | None = None,
        context: AsyncCodeContext | str | None = None,
        env: Mapping[str, str] | None = None,
        timeout_seconds: float | None = None,
    ) -> AsyncStream[CodeEvent]:
        """What it says as it comes. Leaving the loop early interrupts the code."""
        options: RunCodeOptions = {
            "language": language,
            "context": context,
            "env": env,
            "timeout_seconds": timeout_seconds,
        }
        return AsyncStream(lambda: self._events(code_body(code, options), None))

    async def create_context(
        self,
        *,
        language: str | None = None,
        cwd: str | None = None,
        user: str | None = None,
        env: Mapping[str, str] | None = None,
        timeout_seconds: float | None = None,
    ) -> AsyncCodeContext:
        """A context of its own.

        Args:
            language: default python
            cwd: folder that it begins in. Default: the user's home
            user: name or number. Default root
            env: for all of its cells
            timeout_seconds: of this call
        """
        body = given(language=language, cwd=cwd, user=user, env=None if env is None else dict(env))
        call = Call(json=body, timeout_seconds=timeout_seconds)
        info = await self._http.json("POST", f"{self._path}/contexts", call)
        return AsyncCodeContext(self._http, self, self._path, parse(CodeContextInfo, info))

    async def list_contexts(self, *, timeout_seconds: float | None = None) -> list[AsyncCodeContext]:
        """All contexts, oldest first."""
        answer = await self._http.json("GET", f"{self._path}/contexts", Call(timeout_seconds=timeout_seconds))
        infos = parse_list(CodeContextInfo, answer["contexts"])
        return [AsyncCodeContext(self._http, self, self._path, info) for info in infos]

    async def get_context(self, context_id: str, *, timeout_seconds: float | None = None) -> AsyncCodeContext:
        """A context that is there, by its id.

        Raises:
            NotFoundError: `code.context_not_found`
        """
        for context in await self.list_contexts(timeout_seconds=timeout_seconds):
            if context.id == context_id:
                return context
        raise NotFoundError(f'there is no context "{context_id}"', code="code.context_not_found")

    async def _events(self, body: Json, limit: float | None) -> AsyncGenerator[CodeEvent, None]:
        end = float("inf") if limit is None else time.monotonic() + limit
        # Its head comes with its turn in the context's queue.
        answer = await self._http.open("POST", f"{self._path}/stream", Call(json=body, timeout_seconds=limit or 0))
        parser = CodeEventParser()
        try:
            async with aclosing(answer.pieces(_SILENCE_LIMIT_SECONDS)) as pieces:
                async for piece in pieces:
                    for event in parser.push(piece):
                        yield event
                        if event.type == "end":
                            return
                    if time.monotonic() > end:
                        raise TimeoutError("the code took longer than its limit", code="client.timeout")
        finally:
            await answer.aclose()
        raise ConnectionError("the connection broke while the code ran; it was interrupted", code="client.connection")
