"""Files of a sandbox."""

from __future__ import annotations

import builtins
import os
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from ..errors import ConnectionError, NotFoundError, PandaStackError
from ..frames import fields_of
from ..models import FileInfo, parse, parse_list
from ..requests import Json, given
from ..results import FileChange, TransferProgress
from .answer import AsyncAnswer
from .commands import AsyncCommands
from .folders import download_path, upload_path
from .http import AsyncHttp, Call
from .local import Pieces
from .stream import AsyncStream


class AsyncFiles:
    """Paths are absolute, or relative to /root; `..` is resolved. Modes are octal text, such as `"755"`."""

    def __init__(self, http: AsyncHttp, sandbox: str, commands: AsyncCommands) -> None:
        self._http = http
        self._path = f"{sandbox}/fs"
        self._commands = commands

    async def read(self, path: str, *, timeout_seconds: float | None = None) -> str:
        """A whole file as text, UTF-8.

        Raises:
            NotFoundError: `file.not_found`
            PandaStackError: `client.not_text`, where it is none
        """
        content = await self.read_bytes(path, timeout_seconds=timeout_seconds)
        try:
            return content.decode()
        except UnicodeDecodeError as error:
            raise PandaStackError(f"{path} is no UTF-8 text: {error}", code="client.not_text") from error

    async def read_bytes(self, path: str, *, timeout_seconds: float | None = None) -> bytes:
        """A whole file as it is."""
        call = Call(query={"path": path}, accept="application/octet-stream", timeout_seconds=timeout_seconds)
        return await self._http.whole("GET", self._path, call)

    def read_stream(
        self, path: str, *, offset: int | None = None, length: int | None = None, timeout_seconds: float | None = None
    ) -> AsyncStream[bytes]:
        """A file of any size, or a piece of it, as it comes. `timeout_seconds` is for its beginning."""
        query = {"path": path, "offset": offset, "length": length}
        call = Call(query=query, accept="application/octet-stream", timeout_seconds=timeout_seconds)
        return AsyncStream(lambda: self._read_stream(call))

    async def write(
        self,
        path: str,
        content: str | bytes | Pieces,
        *,
        user: str | None = None,
        mode: str | None = None,
        append: bool | None = None,
        timeout_seconds: float | None = None,
    ) -> None:
        """Replaces the file whole, or makes it and its folders. What comes piece by piece may have any length.

        Args:
            path: of the file
            content: text, bytes, or pieces of bytes
            user: owner of a new file. Default root
            mode: octal
            append: adds to its end instead
            timeout_seconds: for all of it. Default: the client's; of pieces: none
        """
        is_whole = isinstance(content, (str, bytes))
        call = Call(
            query={"path": path, "user": user, "mode": mode, "append": append},
            content=content,
            content_type="application/octet-stream",
            is_repeatable=is_whole and not append,
            timeout_seconds=0 if timeout_seconds is None and not is_whole else timeout_seconds,
        )
        await self._http.json("PUT", self._path, call)

    async def list(
        self, path: str = "/", *, depth: int | None = None, timeout_seconds: float | None = None
    ) -> builtins.list[FileInfo]:
        """What is in a folder, sorted by name; with `depth` what is in the folders below too."""
        call = Call(query={"path": path, "depth": depth}, timeout_seconds=timeout_seconds)
        return parse_list(FileInfo, (await self._http.json("GET", f"{self._path}/dir", call))["entries"])

    async def stat(self, path: str, *, timeout_seconds: float | None = None) -> FileInfo:
        """One file or folder.

        Raises:
            NotFoundError: `file.not_found`, where there is nothing
        """
        call = Call(query={"path": path}, timeout_seconds=timeout_seconds)
        return parse(FileInfo, await self._http.json("GET", f"{self._path}/stat", call))

    async def exists(self, path: str, *, timeout_seconds: float | None = None) -> bool:
        """Whether there is something, of whatever kind."""
        try:
            await self.stat(path, timeout_seconds=timeout_seconds)
        except NotFoundError as error:
            if error.code == "file.not_found":
                return False
            raise
        return True

    async def mkdir(
        self, path: str, *, mode: str | None = None, user: str | None = None, timeout_seconds: float | None = None
    ) -> FileInfo:
        """With the folders above it; one that exists is fine."""
        body = given(path=path, mode=mode, user=user)
        return parse(FileInfo, await self._change("mkdir", body, True, timeout_seconds))

    async def move(
        self, source: str, target: str, *, overwrite: bool | None = None, timeout_seconds: float | None = None
    ) -> None:
        """Moves or renames. What is at `target` is replaced, unless `overwrite` is False."""
        body: Json = {"from": source, "to": target, **given(overwrite=overwrite)}
        await self._change("move", body, False, timeout_seconds)

    async def chmod(
        self, path: str, mode: str, *, recursive: bool | None = None, timeout_seconds: float | None = None
    ) -> None:
        """Changes the mode; with `recursive` of all that is in a folder too."""
        await self._change("chmod", given(path=path, mode=mode, recursive=recursive), True, timeout_seconds)

    async def chown(
        self,
        path: str,
        *,
        user: str | None = None,
        group: str | None = None,
        recursive: bool | None = None,
        timeout_seconds: float | None = None,
    ) -> None:
        """Changes owner or group, each a name or a number; with `recursive` of all that is in a folder too."""
        body = given(path=path, user=user, group=group, recursive=recursive)
        await self._change("chown", body, True, timeout_seconds)

    async def remove(self, path: str, *, recursive: bool | None = None, timeout_seconds: float | None = None) -> None:
        """A folder that is not empty goes only with `recursive`."""
        call = Call(query={"path": path, "recursive": recursive}, timeout_seconds=timeout_seconds)
        await self._http.json("DELETE", self._path, call)

    async def watch(
        self, path: str, *, recursive: bool | None = None, timeout_seconds: float | None = None
    ) -> AsyncStream[FileChange]:
        """What changes below a path, from now on: it answers once nothing can be missed.

        Example:
            async with await sandbox.files.watch("/root/src", recursive=True) as changes:
                async for change in changes:
                    print(change.kind, change.path)
        """
        query = {"path": path, "recursive": recursive}
        call = Call(query=query, accept="text/event-stream", timeout_seconds=timeout_seconds)
        answer = await self._http.open("GET", f"{self._path}/watch", call)
        frames = answer.events()
        try:
            first = await frames.__anext__()
            fields_of(first)
        except StopAsyncIteration:
            text = "the connection ended before the watch began"
            raise ConnectionError(text, code="client.connection") from None
        except BaseException:
            await answer.aclose()
            raise

        async def changes() -> AsyncGenerator[FileChange, None]:
            try:
                async with aclosing(frames):
                    async for frame in frames:
                        fields = fields_of(frame)
                        if frame.event == "overflow":
                            yield FileChange("overflow")
                        elif frame.event == "change":
                            yield FileChange(
                                fields["kind"], fields["path"], fields.get("from"), bool(fields.get("is_dir"))
                            )
            finally:
                await answer.aclose()

        return AsyncStream(changes)

    async def upload(
        self,
        source: str | os.PathLike[str],
        target: str,
        *,
        on_progress: Callable[[TransferProgress], object] | None = None,
        timeout_seconds: float | None = None,
    ) -> None:
        """Copies a file or a whole folder of this machine into the sandbox, under exactly the name `target`; modes are kept.

        Without `timeout_seconds` it takes as long as it takes.
        """
        await upload_path(self, self._commands, source, target, on_progress, timeout_seconds)

    async def download(
        self,
        source: str,
        target: str | os.PathLike[str],
        *,
        on_progress: Callable[[TransferProgress], object] | None = None,
        timeout_seconds: float | None = None,
    ) -> None:
        """Copies a file or a whole folder of the sandbox to this machine, under exactly the name `target`.

        A file is replaced whole: a copy that breaks off leaves what was there. Without `timeout_seconds` it takes as long as it
        takes.
        """
        await download_path(self, self._commands, source, target, on_progress, timeout_seconds)

    async def _read_stream(self, call: Call) -> AsyncGenerator[bytes, None]:
        answer: AsyncAnswer = await self._http.open("GET", self._path, call)
        try:
            async with aclosing(answer.body()) as pieces:
                async for piece in pieces:
                    yield piece
        finally:
            await answer.aclose()

    async def _change(self, verb: str, body: Json, is_repeatable: bool, timeout_seconds: float | None) -> object:
        call = Call(json=body, is_repeatable=is_repeatable, timeout_seconds=timeout_seconds)
        return await self._http.json("POST", f"{self._path}/{verb}", call)
