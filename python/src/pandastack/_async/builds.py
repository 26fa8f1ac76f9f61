"""Builds of templates."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from ..errors import PandaStackError, TimeoutError
from ..frames import fields_of
from ..models import TemplateBuildInfo, parse
from ..requests import segment
from .http import AsyncHttp, Call
from .local import pause
from .stream import AsyncStream

_POLL_SECONDS = 0.5


class AsyncTemplateBuild:
    """A build of a template, on the server: it goes on without this program."""

    def __init__(self, http: AsyncHttp, info: TemplateBuildInfo) -> None:
        self._http = http
        self._path = f"/templates/builds/{segment(info.id)}"
        self.info = info
        """As it was when last asked for."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id} {self.info.name} {self.info.status}>"

    @property
    def id(self) -> str:
        """Names it: `templates.get_build(id)` finds it again."""
        return self.info.id

    async def refresh(self, *, timeout_seconds: float | None = None) -> TemplateBuildInfo:
        """Asks how far it is."""
        call = Call(timeout_seconds=timeout_seconds)
        self.info = parse(TemplateBuildInfo, await self._http.json("GET", self._path, call))
        return self.info

    def logs(self, *, follow: bool = False, timeout_seconds: float | None = None) -> AsyncStream[str]:
        """Its log from the beginning, line by line; with `follow` until its end. `timeout_seconds` is for its beginning."""
        return AsyncStream(lambda: self._lines(follow, timeout_seconds))

    async def done(
        self, *, on_line: Callable[[str], object] | None = None, timeout_seconds: float | None = None
    ) -> TemplateBuildInfo:
        """Waits until sandboxes can be made of it.

        Args:
            on_line: gets its log, line by line
            timeout_seconds: longest wait; the build goes on. Default: as long as it takes

        Raises:
            PandaStackError: `client.build_failed`, with the step that failed
            TimeoutError: `client.timeout`
        """
        end = time.monotonic() + timeout_seconds if timeout_seconds else float("inf")
        if on_line is not None:
            async with aclosing(self._lines(True, None, end)) as lines:
                async for line in lines:
                    on_line(line)
        while (await self.refresh()).status not in ("done", "failed"):
            if time.monotonic() > end:
                raise TimeoutError(
                    f"the build of {self.info.name} is not done; it goes on: templates.get_build({self.id!r}) finds it",
                    code="client.timeout",
                )
            await pause(_POLL_SECONDS)
        if self.info.status == "failed":
            reason = self.info.error or "it did not say why"
            raise PandaStackError(f"the build of {self.info.name} failed: {reason}", code="client.build_failed")
        return self.info

    async def _lines(
        self, follow: bool, timeout_seconds: float | None, end: float = float("inf")
    ) -> AsyncGenerator[str, None]:
        query = {"follow": follow or None}
        call = Call(query=query, accept="text/event-stream", timeout_seconds=timeout_seconds)
        answer = await self._http.open("GET", f"{self._path}/logs", call)
        try:
            async with aclosing(answer.events(end)) as frames:
                async for frame in frames:
                    if frame.event == "done":
                        return
                    yield str(fields_of(frame).get("line", ""))
        finally:
            await answer.aclose()
