"""Files."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pandastack import AsyncSandbox, ConflictError, NotFoundError, PandaStackError, TimeoutError, TransferProgress

pytestmark = pytest.mark.anyio


async def pieces(count: int) -> AsyncIterator[bytes]:
    for number in range(count):
        yield bytes([number]) * 1000


async def test_are_written_and_read(sandbox: AsyncSandbox) -> None:
    files = sandbox.filesystem
    await files.write("/work/deep/out.txt", "one: grün\n")
    await files.write("/work/deep/out.txt", b"two\n", append=True)
    assert await files.read("/work/deep/out.txt") == "one: grün\ntwo\n"
    await files.write("bytes", pieces(200), mode="600")
    content = await files.read_bytes("/root/bytes")
    assert (len(content), content[:1], content[-1:]) == (200_000, b"\x00", b"\xc7")
    async with files.read_stream("bytes", offset=999, length=2) as stream:
        assert b"".join([piece async for piece in stream]) == b"\x00\x01"
    with pytest.raises(PandaStackError) as caught:
        await files.read("bytes")
    assert caught.value.code == "client.not_text"
    await files.write("a name & more?.txt", "")
    assert await files.exists("/root/a name & more?.txt")


async def test_are_looked_at_and_changed(sandbox: AsyncSandbox) -> None:
    files = sandbox.files
    assert (await files.mkdir("/root/folder/inner", mode="700")).is_dir
    await files.write("/root/folder/a", "abc")
    assert [entry.name for entry in await files.list("/root/folder")] == ["a", "inner"]
    assert (await files.stat("/root/folder/a")).size == 3
    await files.chmod("/root/folder/a", "755")
    await files.chown("/root/folder/a", user="0", group="0")
    assert (await files.stat("/root/folder/a")).mode == "-rwxr-xr-x"
    await files.move("/root/folder/a", "/root/folder/b")
    assert not await files.exists("/root/folder/a")
    await files.write("/root/folder/c", "")
    with pytest.raises(ConflictError):
        await files.move("/root/folder/b", "/root/folder/c", overwrite=False)
    with pytest.raises(ConflictError):
        await files.remove("/root/folder")
    await files.remove("/root/folder", recursive=True)
    with pytest.raises(NotFoundError) as caught:
        await files.read("/root/folder/b")
    assert caught.value.code == "file.not_found"


async def test_are_watched(sandbox: AsyncSandbox) -> None:
    with pytest.raises(NotFoundError):
        await sandbox.files.watch("/nowhere")
    async with await sandbox.files.watch("/root") as changes:
        await sandbox.files.write("/root/new", "x")
        first = await changes.__anext__()
    assert first.path.startswith("/root/")


async def test_are_copied_both_ways(sandbox: AsyncSandbox, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(os.urandom(700_000))
    source.chmod(0o750)
    seen: list[TransferProgress] = []
    await sandbox.files.upload(source, "/root/there", on_progress=seen.append)
    assert (await sandbox.files.stat("/root/there")).mode == "-rwxr-x---"
    assert (seen[-1].bytes, seen[-1].total_bytes) == (700_000, 700_000)
    await sandbox.files.download("/root/there", tmp_path / "new/here")
    assert (tmp_path / "new/here").read_bytes() == source.read_bytes()
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["here"]
    with pytest.raises(TimeoutError) as late:
        await sandbox.files.download("/root/there", tmp_path / "new/here", timeout_seconds=1e-6)
    assert late.value.code == "client.timeout"
    assert (tmp_path / "new/here").read_bytes() == source.read_bytes()
    with pytest.raises(PandaStackError) as caught:
        await sandbox.files.upload(tmp_path / "none", "/root/none")
    assert caught.value.code == "client.local_file"
    with pytest.raises(PandaStackError) as folder:
        await sandbox.files.download("/root/there", tmp_path)
    assert folder.value.code == "client.local_file"
