"""Folders of this machine as archives, through a pipe: nothing is written twice, whatever the number of files."""

from __future__ import annotations

import os
import tarfile
import threading
from pathlib import Path
from typing import BinaryIO

from .errors import PandaStackError


def local_error(text: str, cause: BaseException) -> PandaStackError:
    """A file or folder on this machine could not be read, written, packed or unpacked."""
    reason = getattr(cause, "strerror", None) or str(cause) or type(cause).__name__
    return PandaStackError(f"{text}: {reason}", code="client.local_file")


class Packer:
    """Packs a folder in a thread of its own; `output` is the archive."""

    def __init__(self, folder: Path) -> None:
        reading, writing = os.pipe()
        self.output: BinaryIO = os.fdopen(reading, "rb")
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._pack, args=(folder, writing), name="pandastack-pack", daemon=True)
        self._thread.start()

    def finish(self) -> None:
        """Waits for the end; raises where not everything could be read. What pads the archive may be left by its reader."""
        while self.output.read(1 << 16):
            pass
        self._thread.join()
        self.close()
        if self._failure is not None:
            raise local_error("cannot pack the folder", self._failure) from self._failure

    def close(self) -> None:
        """Also where nobody wants the rest: its writer then has nobody who reads, and ends."""
        self.output.close()
        self._thread.join()

    def _pack(self, folder: Path, writing: int) -> None:
        try:
            with os.fdopen(writing, "wb") as pipe, tarfile.open(fileobj=pipe, mode="w|") as archive:
                archive.add(folder, arcname=".")
        except Exception as error:
            self._failure = error


class Unpacker:
    """Unpacks what is written to it, in a thread of its own; names that lead out of the folder are refused."""

    def __init__(self, folder: Path) -> None:
        if not hasattr(tarfile, "data_filter"):
            raise PandaStackError("this Python cannot unpack safely: take a newer one", code="client.local_file")
        reading, self._writing = os.pipe()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(
            target=self._unpack, args=(folder, reading), name="pandastack-unpack", daemon=True
        )
        self._thread.start()

    def write(self, piece: bytes) -> None:
        """One more piece. After a failure they are dropped: `finish` says it."""
        at = 0
        while at < len(piece) and self._failure is None:
            try:
                at += os.write(self._writing, piece[at:])
            except BrokenPipeError:
                break

    def finish(self) -> None:
        """No more is to come."""
        self.close()
        if self._failure is not None:
            raise local_error("cannot unpack the folder", self._failure) from self._failure

    def close(self) -> None:
        """Leaves what is there."""
        if self._writing >= 0:
            os.close(self._writing)
            self._writing = -1
        self._thread.join()

    def _unpack(self, folder: Path, reading: int) -> None:
        with os.fdopen(reading, "rb") as pipe:
            try:
                with tarfile.open(fileobj=pipe, mode="r|") as archive:
                    archive.extractall(folder, filter="data")
                # What pads an archive: its writer waits until it is taken.
                while pipe.read(1 << 16):
                    pass
            except Exception as error:
                self._failure = error
