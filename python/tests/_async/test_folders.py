"""Folders, copied both ways through the tar of a sandbox."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from local_shell import SANDBOX, LocalShell

from pandastack import AsyncPandaStack, PandaStackError, TransferProgress
from pandastack._async.commands import AsyncCommands
from pandastack._async.files import AsyncFiles

pytestmark = pytest.mark.anyio


@pytest.fixture
async def files() -> AsyncIterator[AsyncFiles]:
    shell = LocalShell()
    async with AsyncPandaStack(base_url=shell.url) as panda:
        yield AsyncFiles(panda.http, SANDBOX, AsyncCommands(panda.http, SANDBOX))
    shell.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    source = tmp_path / "source"
    (source / "deep").mkdir(parents=True)
    for number in range(50):
        (source / "deep" / f"file {number}").write_bytes(bytes([number]) * 20_000)
    (source / "program").write_text("#!/bin/sh\n")
    (source / "program").chmod(0o755)
    (source / "link").symlink_to("deep/file 1")
    return source


def contents(path: Path) -> dict[str, bytes]:
    return {str(each.relative_to(path)): each.read_bytes() for each in path.rglob("*") if each.is_file()}


async def test_go_up_and_come_back(files: AsyncFiles, folder: Path, tmp_path: Path) -> None:
    seen: list[TransferProgress] = []
    await files.upload(folder, str(tmp_path / "new/there"), on_progress=seen.append)
    assert contents(tmp_path / "new/there") == contents(folder)
    assert (tmp_path / "new/there/program").stat().st_mode & 0o777 == 0o755
    assert seen[-1].bytes > 1_000_000
    assert seen[-1].total_bytes is None
    await files.download(str(tmp_path / "new/there"), tmp_path / "back", on_progress=seen.append)
    assert contents(tmp_path / "back") == contents(folder)
    assert (tmp_path / "back/link").is_symlink()


async def test_say_what_the_sandbox_could_not_do(files: AsyncFiles, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(PandaStackError, match="could not unpack in the sandbox") as caught:
        await files.upload(folder, str(tmp_path / "file/there"))
    assert caught.value.code == "client.error"
