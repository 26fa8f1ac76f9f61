"""Folders of this machine as archives."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from pandastack import PandaStackError
from pandastack.archive import Packer, Unpacker


def pack(folder: Path) -> bytes:
    packer = Packer(folder)
    content = packer.output.read()
    packer.finish()
    return content


def test_come_back_as_they_were(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "deep").mkdir(parents=True)
    (source / "deep/program").write_bytes(b"x" * 300_000)
    (source / "deep/program").chmod(0o755)
    (source / "link").symlink_to("deep/program")
    target = tmp_path / "target"
    target.mkdir()
    unpacker = Unpacker(target)
    content = pack(source)
    for at in range(0, len(content), 65_000):
        unpacker.write(content[at : at + 65_000])
    unpacker.finish()
    assert (target / "deep/program").read_bytes() == b"x" * 300_000
    assert (target / "deep/program").stat().st_mode & 0o777 == 0o755
    assert (target / "link").readlink() == Path("deep/program")


def test_a_reader_that_leaves_ends_the_packing(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * 3_000_000)
    packer = Packer(tmp_path)
    packer.output.read(1000)
    packer.close()


def test_says_what_cannot_be_read(tmp_path: Path) -> None:
    packer = Packer(tmp_path / "none")
    with pytest.raises(PandaStackError) as caught:
        packer.finish()
    assert caught.value.code == "client.local_file"


def test_refuses_names_that_lead_out(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("../outside"))
    inside = tmp_path / "inside"
    inside.mkdir()
    unpacker = Unpacker(inside)
    unpacker.write(buffer.getvalue())
    with pytest.raises(PandaStackError, match="outside") as caught:
        unpacker.finish()
    assert caught.value.code == "client.local_file"
    assert [path.name for path in tmp_path.iterdir()] == ["inside"]


def test_what_is_no_archive_is_an_error(tmp_path: Path) -> None:
    unpacker = Unpacker(tmp_path)
    unpacker.write(b"no archive" * 1000)
    with pytest.raises(PandaStackError):
        unpacker.finish()
