"""Copies of files and folders between this machine and a sandbox."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ..archive import Packer, Unpacker, local_error
from ..errors import PandaStackError, TimeoutError
from ..results import TransferProgress
from .commands import AsyncCommands
from .local import Pieces, in_thread, pieces_of

if TYPE_CHECKING:
    from .files import AsyncFiles

OnProgress = Callable[[TransferProgress], object]


async def upload_path(
    files: AsyncFiles,
    commands: AsyncCommands,
    source: str | os.PathLike[str],
    target: str,
    on_progress: OnProgress | None,
    timeout_seconds: float | None,
) -> None:
    """Copies a file or folder of this machine into a sandbox, under exactly the name `target`."""
    path = Path(source)
    try:
        if path.is_dir():
            await _upload_folder(commands, path, target, on_progress, timeout_seconds)
            return
        with path.open("rb") as file:
            stats = os.fstat(file.fileno())
            content = _counted(pieces_of(file), on_progress, stats.st_size)
            mode = f"{stats.st_mode & 0o777:o}"
            await files.write(target, content, mode=mode, timeout_seconds=timeout_seconds)
    except OSError as error:
        if isinstance(error, PandaStackError):
            raise
        raise local_error(f"cannot read {path}", error) from error


async def download_path(
    files: AsyncFiles,
    commands: AsyncCommands,
    source: str,
    target: str | os.PathLike[str],
    on_progress: OnProgress | None,
    timeout_seconds: float | None,
) -> None:
    """Copies a file or folder of a sandbox to this machine, under exactly the name `target`."""
    path = Path(target)
    end = time.monotonic() + timeout_seconds if timeout_seconds else float("inf")
    stats = await files.stat(source)
    try:
        path.resolve().parent.mkdir(parents=True, exist_ok=True)
        if stats.is_dir:
            await _download_folder(commands, source, path, on_progress, end)
            return
        if path.is_dir():
            raise IsADirectoryError(None, "it is a folder: name the file that shall be written")
        # Beside the target first: a copy that breaks off leaves what was there.
        beside = path.with_name(f"{path.name}.{os.getpid()}.part")
        try:
            with beside.open("wb") as file:
                async with files.read_stream(source) as pieces:
                    async for piece in _counted(pieces, on_progress, stats.size):
                        file.write(piece)
                        _in_time(end)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        if isinstance(error, PandaStackError):
            raise
        raise local_error(f"cannot write {path}", error) from error


async def _upload_folder(
    commands: AsyncCommands, source: Path, target: str, on_progress: OnProgress | None, timeout_seconds: float | None
) -> None:
    """As one archive through the input of a tar in the sandbox. `keep=False`: where this program dies, so does that tar."""
    packer = Packer(source)
    try:
        result = await commands.run(
            'mkdir -p "$TO" && exec tar -xf - -C "$TO" --no-same-owner',
            env={"TO": target},
            stdin=_counted(pieces_of(packer.output), on_progress, None),
            keep=False,
            timeout_seconds=timeout_seconds,
        )
        if result.exit_code != 0:
            raise _sandbox_failure("unpack", result.stderr)
        await in_thread(packer.finish)
    finally:
        await in_thread(packer.close)


async def _download_folder(
    commands: AsyncCommands, source: str, target: Path, on_progress: OnProgress | None, end: float
) -> None:
    packing = await commands.start('exec tar -cf - -C "$FROM" .', env={"FROM": source}, attach=True, keep=False)
    target.mkdir(exist_ok=True)
    unpacker = Unpacker(target)
    said = b""
    count = 0
    try:
        async with packing.output() as pieces:
            async for piece in pieces:
                if piece.type == "stderr":
                    said = (said + piece.data)[-2000:]
                    continue
                data = piece.data
                await in_thread(partial(unpacker.write, data))
                count += len(data)
                _in_time(end)
                if on_progress is not None:
                    on_progress(TransferProgress(count, None))
        if (await packing.wait()).exit_code != 0:
            raise _sandbox_failure("pack", said.decode("utf-8", "replace"))
        await in_thread(unpacker.finish)
    finally:
        await in_thread(unpacker.close)
        await packing.disconnect()


def _in_time(end: float) -> None:
    if time.monotonic() > end:
        raise TimeoutError("the copy took longer than its limit", code="client.timeout")


async def _counted(pieces: Pieces, on_progress: OnProgress | None, total: int | None) -> AsyncIterator[bytes]:
    count = 0
    async for piece in pieces:
        yield piece
        count += len(piece)
        if on_progress is not None:
            on_progress(TransferProgress(count, total))


def _sandbox_failure(what: str, said: str) -> PandaStackError:
    return PandaStackError(f"could not {what} in the sandbox: {said.strip()}", code="client.error")
