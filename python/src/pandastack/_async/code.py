"""Code with state."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from types import TracebackType

from ..errors import ConnectionError
from ..executions import CodeCallbacks, CodeEvent, CodeEventParser, CodeFailure, Execution
from ..models import CodeContextInfo, CodeResultInfo, parse, parse_list
from ..requests import Json, given, segment
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

    @property
    def id(self) -> str:
        """What others name it by."""
        return self.info.id

    @property
    def language(self) -> str:
        """What runs in it."""
        return self.info.language

    async def run(
        self,
        code: str,
        *,
        env: Mapping[str, str] | None = None,
        timeout_seconds: float | None = None,
        on_stdout: Callable[[str], object] | None = None,
        on_stderr: Callable[[str], object] | None = None,
        on_result: Callable[[CodeResultInfo], object] | None = None,
        on_error: Callable[[CodeFailure], object] | None = None,
    ) -> Execution:
        """As `code.run`, in this context."""
        return await self._code.run(
            code,
            context=self.id,
            env=env,
            timeout_seconds=timeout_seconds,
            on_stdout=on_stdout,
            on_stderr=on_stderr,
            on_result=on_result,
            on_error=on_error,
        )

    async def restart(self) -> None:
        """A new kernel, without variables. What runs ends with an error."""
        await self._http.json("POST", f"{self._path}/restart")

    async def interrupt(self) -> None:
        """As Ctrl-C would."""
        await self._http.json("POST", f"{self._path}/interrupt")

    async def delete(self) -> None:
        """Ends it and frees its memory."""
        await self._http.json("DELETE", self._path)

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

    async def run(
        self,
        code: str,
        *,
        language: str | None = None,
        context: str | None = None,
        env: Mapping[str, str] | None = None,
        timeout_seconds: float | None = None,
        on_stdout: Callable[[str], object] | None = None,
        on_stderr: Callable[[str], object] | None = None,
        on_result: Callable[[CodeResultInfo], object] | None = None,
        on_error: Callable[[CodeFailure], object] | None = None,
    ) -> Execution:
        """Runs code to its end. Code that fails is an answer with `error`.

        Args:
            code: in `language`
            language: python (default), javascript, typescript, bash
            context: a context's id. Default: the one that its language has for all who name none
            env: for this cell alone
            timeout_seconds: the code's own limit
            on_stdout: gets pieces of text as they come
            on_stderr: as `on_stdout`
            on_result: gets what it displays, and the value of its last expression
            on_error: gets why it ended before its end

        Raises:
            TimeoutError: `exec.timeout`, after `timeout_seconds`
        """
        callbacks = CodeCallbacks(on_stdout, on_stderr, on_result, on_error)
        execution = Execution()
        body = _body(code, language, context, env, timeout_seconds)
        async with aclosing(self._events(body)) as events:
            async for event in events:
                callbacks.take(execution, event)
        return execution

    def stream(
        self,
        code: str,
        *,
        language: str | None = None,
        context: str | None = None,
        env: Mapping[str, str] | None = None,
        timeout_seconds: float | None = None,
    ) -> AsyncStream[CodeEvent]:
        """What it says as it comes. Leaving the loop early interrupts the code."""
        body = _body(code, language, context, env, timeout_seconds)
        return AsyncStream(lambda: self._events(body))

    async def create_context(
        self,
        *,
        language: str | None = None,
        cwd: str | None = None,
        user: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> AsyncCodeContext:
        """A context of its own.

        Args:
            language: default python
            cwd: folder that it begins in. Default: the user's home
            user: name or number. Default root
            env: for all of its cells
        """
        body = given(language=language, cwd=cwd, user=user, env=None if env is None else dict(env))
        info = await self._http.json("POST", f"{self._path}/contexts", Call(json=body))
        return AsyncCodeContext(self._http, self, self._path, parse(CodeContextInfo, info))

    async def list_contexts(self) -> list[AsyncCodeContext]:
        """All contexts, oldest first."""
        answer = await self._http.json("GET", f"{self._path}/contexts")
        infos = parse_list(CodeContextInfo, answer["contexts"])
        return [AsyncCodeContext(self._http, self, self._path, info) for info in infos]

    async def _events(self, body: Json) -> AsyncGenerator[CodeEvent, None]:
        # Its head comes with its turn in the context's queue.
        answer = await self._http.open("POST", f"{self._path}/stream", Call(json=body, timeout_seconds=0))
        parser = CodeEventParser()
        async with aclosing(answer.pieces(_SILENCE_LIMIT_SECONDS)) as pieces:
            async for piece in pieces:
                for event in parser.push(piece):
                    yield event
                    if event.type == "end":
                        return
        raise ConnectionError("the connection broke while the code ran; it was interrupted", code="client.connection")


def _body(
    code: str,
    language: str | None,
    context: str | None,
    env: Mapping[str, str] | None,
    timeout_seconds: float | None,
) -> Json:
    return given(
        code=code,
        language=language,
        context_id=context,
        env=None if env is None else dict(env),
        timeout_ms=round(timeout_seconds * 1000) if timeout_seconds else None,
    )
