"""Templates that have to be built, or made for another runtime, before they can be used."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from ..errors import PandaStackError
from ..models import TemplateBuildInfo, parse
from ..options import TemplateWaitOptions
from ..requests import segment
from .http import AsyncHttp
from .local import pause

T = TypeVar("T")

_DEFAULT_WAIT_SECONDS = 1800.0
_LOOK_SECONDS = 1.0
_DEFAULT_PAUSE_SECONDS = 2.0


async def when_template_is_ready(
    http: AsyncHttp,
    options: TemplateWaitOptions,
    timeout_seconds: float | None,
    ask: Callable[[], Awaitable[T]],
) -> T:
    """Asks again as long as the answer is that a template is being made."""
    given = options.get("template_timeout_seconds")
    wait_seconds = (timeout_seconds or _DEFAULT_WAIT_SECONDS) if given is None else given
    end = time.monotonic() + wait_seconds
    while True:
        try:
            return await ask()
        except PandaStackError as error:
            left = end - time.monotonic()
            if error.code != "template.not_ready" or left <= 0:
                raise
            details: Any = error.details
            build_id = details.get("build_id") if isinstance(details, dict) else None
            wait = min(error.retry_after_seconds or _DEFAULT_PAUSE_SECONDS, left)
        if isinstance(build_id, str):
            await _follow(http, build_id, options, end)
        else:
            await pause(wait)


async def _follow(http: AsyncHttp, build_id: str, options: TemplateWaitOptions, end: float) -> None:
    """Until it has ended, however: what came of it is said by who asked for it to begin with."""
    on_build = options.get("on_template_build")
    before = None
    while time.monotonic() < end:
        build = parse(TemplateBuildInfo, await http.json("GET", f"/templates/builds/{segment(build_id)}"))
        now = (build.status, build.step)
        if now != before and on_build is not None:
            on_build(build)
        before = now
        if build.status in ("done", "failed"):
            return
        await pause(_LOOK_SECONDS)
