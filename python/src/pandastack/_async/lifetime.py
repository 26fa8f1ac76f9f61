"""What a sandbox is, and what becomes of it."""

from __future__ import annotations

from typing import Literal

from ..models import LifecycleInfo, SandboxInfo, parse
from ..requests import UNCHANGED, Unchanged, given, sandbox_path
from .http import AsyncHttp, Call


class AsyncLifetime:
    """The part of a sandbox's handle that needs nothing in it."""

    def __init__(self, http: AsyncHttp, info: SandboxInfo) -> None:
        self._http = http
        self._info = info
        self._path = sandbox_path(info.id)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id} {self.status}>"

    @property
    def id(self) -> str:
        """20 characters of a-z and 0-9."""
        return self._info.id

    @property
    def info(self) -> SandboxInfo:
        """As of the last answer; `refresh` asks anew."""
        return self._info

    @property
    def status(self) -> str:
        """As of the last answer: `running`, `paused`, `hibernated`, `failed`, `deleted`, …"""
        return self._info.status

    @property
    def metadata(self) -> dict[str, str]:
        """Labels of your own."""
        return self._info.metadata

    async def refresh(self, *, timeout_seconds: float | None = None) -> SandboxInfo:
        """Asks how it is now. Neither wakes it nor keeps it from expiring."""
        call = Call(timeout_seconds=timeout_seconds)
        self._info = parse(SandboxInfo, await self._http.json("GET", self._path, call))
        return self._info

    async def pause(self, *, timeout_seconds: float | None = None) -> None:
        """Processor stops, memory stays. Commands are refused until `resume`."""
        await self._change("pause", "paused", timeout_seconds)

    async def resume(self, *, timeout_seconds: float | None = None) -> None:
        """Lets a paused one go on."""
        await self._change("resume", "running", timeout_seconds)

    async def hibernate(self, *, timeout_seconds: float | None = None) -> None:
        """Memory goes to disk, the VMM ends. Any later use wakes it."""
        await self._change("hibernate", "hibernated", timeout_seconds)

    async def wake(self, *, timeout_seconds: float | None = None) -> None:
        """Brings a hibernated one back as it was; a failed one from its disk, where that survived."""
        await self._change("wake", "running", timeout_seconds)

    async def lifecycle(self, *, timeout_seconds: float | None = None) -> LifecycleInfo:
        """How long it has been idle, and when it expires."""
        call = Call(timeout_seconds=timeout_seconds)
        return parse(LifecycleInfo, await self._http.json("GET", f"{self._path}/lifecycle", call))

    async def set_lifecycle(
        self,
        *,
        ttl_seconds: int | None = None,
        persistent: bool | None = None,
        on_idle: Literal["hibernate", "kill"] | Unchanged | None = UNCHANGED,
        idle_timeout_seconds: int | None = None,
        timeout_seconds: float | None = None,
    ) -> LifecycleInfo:
        """Changes what becomes of it when it is idle, or makes it persistent. What is left out stays.

        Args:
            ttl_seconds: idle time after which it is removed; 0: never
            persistent: never removed for being idle
            on_idle: `hibernate` or `kill`, once nobody has used it for `idle_timeout_seconds`; None: nothing but the TTL
            idle_timeout_seconds: default 300
            timeout_seconds: of this call
        """
        body = given(ttl_seconds=ttl_seconds, persistent=persistent, idle_timeout_seconds=idle_timeout_seconds)
        if not isinstance(on_idle, Unchanged):
            body["on_idle"] = on_idle
        call = Call(json=body, is_repeatable=True, timeout_seconds=timeout_seconds)
        return parse(LifecycleInfo, await self._http.json("PATCH", f"{self._path}/lifecycle", call))

    async def set_ttl(self, ttl_seconds: int, *, timeout_seconds: float | None = None) -> LifecycleInfo:
        """Idle time, in seconds from its last use, after which it is removed; 0: never."""
        return await self.set_lifecycle(ttl_seconds=ttl_seconds, timeout_seconds=timeout_seconds)

    async def keep_alive(self, *, timeout_seconds: float | None = None) -> LifecycleInfo:
        """Counts as use: its idle time begins anew. Wakes nothing."""
        return await self.set_lifecycle(timeout_seconds=timeout_seconds)

    async def _change(self, verb: str, status: str, timeout_seconds: float | None) -> None:
        # Asking twice for these leaves the sandbox in the same state.
        call = Call(is_repeatable=True, timeout_seconds=timeout_seconds)
        await self._http.json("POST", f"{self._path}/{verb}", call)
        self._info = self._info.model_copy(update={"status": status})
