"""Volumes: disks that outlive sandboxes."""

from __future__ import annotations

import builtins

from ..models import VolumeInfo, parse, parse_list
from ..requests import given, key_or_new, segment
from .http import AsyncHttp, Call


class AsyncVolume:
    """One sandbox at a time may write to it; any number may read what was on it when they began."""

    def __init__(self, http: AsyncHttp, info: VolumeInfo) -> None:
        self._http = http
        self._info = info
        self._path = f"/volumes/{segment(info.name)}"

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
        self._info = parse(VolumeInfo, await self._http.json("GET", self._path, Call(timeout_seconds=timeout_seconds)))
        return self._info

    async def grow(self, size_mb: int, *, timeout_seconds: float | None = None) -> None:
        """Makes it larger, also while a sandbox writes to it. Volumes never shrink."""
        call = Call(json={"size_mb": size_mb}, is_repeatable=True, timeout_seconds=timeout_seconds)
        self._info = parse(VolumeInfo, await self._http.json("PATCH", self._path, call))

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
        await self._http.json("DELETE", self._path, Call(timeout_seconds=timeout_seconds))

    async def _copy(
        self, kind: str, name: str, idempotency_key: str | None, timeout_seconds: float | None
    ) -> AsyncVolume:
        call = Call(json={"name": name}, idempotency_key=key_or_new(idempotency_key), timeout_seconds=timeout_seconds)
        return AsyncVolume(self._http, parse(VolumeInfo, await self._http.json("POST", f"{self._path}/{kind}", call)))


class AsyncVolumes:
    """Those of a workspace."""

    def __init__(self, http: AsyncHttp) -> None:
        self._http = http

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
        return AsyncVolume(self._http, parse(VolumeInfo, await self._http.json("POST", "/volumes", call)))

    async def get(self, name: str, *, timeout_seconds: float | None = None) -> AsyncVolume:
        """One of them.

        Raises:
            NotFoundError: `volume.not_found`
        """
        call = Call(timeout_seconds=timeout_seconds)
        return AsyncVolume(
            self._http, parse(VolumeInfo, await self._http.json("GET", f"/volumes/{segment(name)}", call))
        )

    async def list(self, *, timeout_seconds: float | None = None) -> builtins.list[AsyncVolume]:
        """By name."""
        infos = parse_list(VolumeInfo, await self._http.json("GET", "/volumes", Call(timeout_seconds=timeout_seconds)))
        return [AsyncVolume(self._http, info) for info in infos]

    async def delete(self, name: str, *, timeout_seconds: float | None = None) -> None:
        """The volume and all that is on it.

        Raises:
            ConflictError: `volume.in_use`, while a sandbox has it
        """
        await self._http.json("DELETE", f"/volumes/{segment(name)}", Call(timeout_seconds=timeout_seconds))
