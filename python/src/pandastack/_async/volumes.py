"""Volumes: disks that outlive sandboxes."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING

from ..models import VolumeInfo, parse, parse_list
from ..requests import given, key_or_new, segment
from .clientless import ask_once, http_of
from .http import AsyncHttp, Call

if TYPE_CHECKING:
    from .client import AsyncPandaStack


class AsyncVolume:
    """One sandbox at a time may write to it; any number may read what was on it when they began.

    Example:
        volume = await AsyncVolume.create("data", size_mb=1024)
        sandbox = await AsyncSandbox.create(volumes=[volume.name])
    """

    def __init__(self, http: AsyncHttp, info: VolumeInfo, *, holds_http: bool = False) -> None:
        self._http = http
        self._info = info
        self._path = f"/volumes/{segment(info.name)}"
        # Made without a client that anybody could close: no call leaves connections open. They are few.
        self._holds_http = holds_http

    @classmethod
    async def create(
        cls,
        name: str,
        *,
        size_mb: int | None = None,
        client: AsyncPandaStack | None = None,
        idempotency_key: str | None = None,
        timeout_seconds: float | None = None,
    ) -> AsyncVolume:
        """A new, empty one.

        Args:
            name: letters, digits, dots, dashes and underscores
            size_mb: 16 to 65,536. Default 256
            client: default: what environment and configuration file say
            idempotency_key: the server does the work once for a key. Default: one for this call
            timeout_seconds: of this call
        """
        return await _volumes_of(client).create(
            name, size_mb=size_mb, idempotency_key=idempotency_key, timeout_seconds=timeout_seconds
        )

    @classmethod
    async def get(
        cls, name: str, *, client: AsyncPandaStack | None = None, timeout_seconds: float | None = None
    ) -> AsyncVolume:
        """One of the workspace's.

        Raises:
            NotFoundError: `volume.not_found`
        """
        return await _volumes_of(client).get(name, timeout_seconds=timeout_seconds)

    @classmethod
    async def list(
        cls, *, client: AsyncPandaStack | None = None, timeout_seconds: float | None = None
    ) -> builtins.list[AsyncVolume]:
        """The workspace's, by name."""
        return await _volumes_of(client).list(timeout_seconds=timeout_seconds)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}>"

    @property
    def name(self) -> str:
        """Unique in its workspace."""
        return self._info.name

    @property
    def info(self) -> VolumeInfo:
        """As the server showed it last."""
        return self._info

    async def refresh(self, *, timeout_seconds: float | None = None) -> VolumeInfo:
        """Asks the server for its size and who has it."""
        self._info = parse(VolumeInfo, await self._ask("GET", self._path, Call(timeout_seconds=timeout_seconds)))
        return self._info

    async def grow(self, size_mb: int, *, timeout_seconds: float | None = None) -> None:
        """Makes it larger, also while a sandbox writes to it. Volumes never shrink."""
        call = Call(json={"size_mb": size_mb}, is_repeatable=True, timeout_seconds=timeout_seconds)
        self._info = parse(VolumeInfo, await self._ask("PATCH", self._path, call))

    async def clone(
        self, name: str, *, idempotency_key: str | None = None, timeout_seconds: float | None = None
    ) -> AsyncVolume:
        """What is on it now, as a volume of its own; blocks are shared until they are written."""
        return await self._copy("clone", name, idempotency_key, timeout_seconds)

    async def snapshot(
        self, name: str, *, idempotency_key: str | None = None, timeout_seconds: float | None = None
    ) -> AsyncVolume:
        """What is on it now, for good: a volume that can be attached for reading, or cloned."""
        return await self._copy("snapshot", name, idempotency_key, timeout_seconds)

    async def delete(self, *, timeout_seconds: float | None = None) -> None:
        """The volume and all that is on it.

        Raises:
            ConflictError: `volume.in_use`, while a sandbox has it
        """
        await self._ask("DELETE", self._path, Call(timeout_seconds=timeout_seconds))

    async def _copy(
        self, kind: str, name: str, idempotency_key: str | None, timeout_seconds: float | None
    ) -> AsyncVolume:
        call = Call(json={"name": name}, idempotency_key=key_or_new(idempotency_key), timeout_seconds=timeout_seconds)
        info = parse(VolumeInfo, await self._ask("POST", f"{self._path}/{kind}", call))
        return AsyncVolume(self._http, info, holds_http=self._holds_http)

    async def _ask(self, method: str, path: str, call: Call) -> object:
        return await ask_once(self._http, method, path, call, is_ours=self._holds_http)


class AsyncVolumes:
    """Those of a workspace."""

    def __init__(self, http: AsyncHttp, *, holds_http: bool = False) -> None:
        self._http = http
        self._holds_http = holds_http

    async def create(
        self,
        name: str,
        *,
        size_mb: int | None = None,
        idempotency_key: str | None = None,
        timeout_seconds: float | None = None,
    ) -> AsyncVolume:
        """A new, empty one.

        Args:
            name: letters, digits, dots, dashes and underscores
            size_mb: 16 to 65,536. Default 256
            idempotency_key: the server does the work once for a key. Default: one for this call
            timeout_seconds: of this call
        """
        call = Call(
            json=given(name=name, size_mb=size_mb),
            idempotency_key=key_or_new(idempotency_key),
            timeout_seconds=timeout_seconds,
        )
        return self._handle(await self._ask("POST", "/volumes", call))

    async def get(self, name: str, *, timeout_seconds: float | None = None) -> AsyncVolume:
        """One of them.

        Raises:
            NotFoundError: `volume.not_found`
        """
        call = Call(timeout_seconds=timeout_seconds)
        return self._handle(await self._ask("GET", f"/volumes/{segment(name)}", call))

    async def list(self, *, timeout_seconds: float | None = None) -> builtins.list[AsyncVolume]:
        """By name."""
        infos = parse_list(VolumeInfo, await self._ask("GET", "/volumes", Call(timeout_seconds=timeout_seconds)))
        return [AsyncVolume(self._http, info, holds_http=self._holds_http) for info in infos]

    async def delete(self, name: str, *, timeout_seconds: float | None = None) -> None:
        """The volume and all that is on it.

        Raises:
            ConflictError: `volume.in_use`, while a sandbox has it
        """
        await self._ask("DELETE", f"/volumes/{segment(name)}", Call(timeout_seconds=timeout_seconds))

    def _handle(self, info: object) -> AsyncVolume:
        return AsyncVolume(self._http, parse(VolumeInfo, info), holds_http=self._holds_http)

    async def _ask(self, method: str, path: str, call: Call) -> object:
        return await ask_once(self._http, method, path, call, is_ours=self._holds_http)


def _volumes_of(client: AsyncPandaStack | None) -> AsyncVolumes:
    return AsyncVolumes(http_of(client), holds_http=client is None)
