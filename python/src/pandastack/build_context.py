"""The files that a build copies from, collected on this machine."""

from __future__ import annotations

import base64
import errno
import json
import os
import stat
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from .archive import local_error
from .errors import PandaStackError
from .requests import FormPart

CONTEXT_LIMIT_BYTES = 50 * 1024 * 1024
"""What the server takes for one build."""


@dataclass(frozen=True)
class ContextFile:
    """A file, and its mode."""

    content: bytes
    mode: int


@dataclass(frozen=True)
class RegistryCredentials:
    """For a registry of images."""

    username: str
    password: str = field(repr=False)
    registry: str | None = None
    """Default: that of the image that a build begins with."""


def collect_context(folder: str | os.PathLike[str], is_wanted: Callable[[str], bool] | None) -> dict[str, ContextFile]:
    """Files below `folder`, by their paths in it.

    A link stands for what it leads to, which must lie within the folder: the server gets files, not paths of this machine.
    """
    wanted = is_wanted or (lambda _path: True)
    files: dict[str, ContextFile] = {}
    size = 0
    try:
        root = Path(folder).resolve(strict=True)
        for name, path in _walk(root, root, wanted, ()):
            size += path.stat().st_size
            if size > CONTEXT_LIMIT_BYTES:
                raise _bad(f"the files in {folder} are more than 50 MiB; leave out what is not needed with `is_wanted`")
            files[name] = ContextFile(path.read_bytes(), stat.S_IMODE(path.stat().st_mode) & 0o777)
    except OSError as error:
        if isinstance(error, PandaStackError):
            raise
        raise local_error(f"cannot read {error.filename or folder}", error) from error
    return files


def build_form(fields: Mapping[str, str], files: Mapping[str, ContextFile]) -> list[FormPart]:
    """The form that the server takes; a file's mode goes with its name."""
    texts = [FormPart(name, text.encode()) for name, text in fields.items()]
    return texts + [
        FormPart(path, file.content, f"mode={file.mode:o};{path.rsplit('/', 1)[-1]}") for path, file in files.items()
    ]


def secrets_field(secrets: Mapping[str, str | bytes]) -> str:
    """As the form has them."""
    contents = {name: secret.encode() if isinstance(secret, str) else secret for name, secret in secrets.items()}
    return json.dumps({name: base64.b64encode(content).decode() for name, content in contents.items()})


def open_rootfs(path: str | os.PathLike[str]) -> BinaryIO:
    """A file of this machine, read as it is sent."""
    if not Path(path).exists():
        raise _bad(f"{path}: no such file")
    if not Path(path).is_file():
        raise _bad(f"{path}: is no file")
    return Path(path).open("rb")


def open_image(path: str | os.PathLike[str]) -> BinaryIO:
    """An image's file as it is; a folder with its layout as one tar archive, which is on this machine's disk meanwhile."""
    if not Path(path).exists():
        raise _bad(f"{path}: no such file or folder")
    if not Path(path).is_dir():
        return open_rootfs(path)
    archive = tempfile.TemporaryFile()  # noqa: SIM115 -- its caller closes it
    try:
        with tarfile.open(fileobj=archive, mode="w", format=tarfile.USTAR_FORMAT) as packing:
            for file in sorted(Path(path).rglob("*")):
                if file.is_file():
                    packing.add(file, arcname=file.relative_to(path).as_posix())
        archive.seek(0)
    except BaseException:
        archive.close()
        raise
    return archive


def _walk(
    root: Path, folder: Path, is_wanted: Callable[[str], bool], above: tuple[Path, ...]
) -> Iterator[tuple[str, Path]]:
    """Every wanted file, by its path in the context. `above`: the folders that lead here, as they really are."""
    within = (*above, folder.resolve())
    for path in sorted(folder.iterdir()):
        name = path.relative_to(root).as_posix()
        if path.is_symlink() and not _leads_within(root, path, name, is_wanted):
            continue
        if path.is_dir():
            if path.resolve() in within:
                raise _bad(f"{name}: this link leads back to a folder that it is in")
            yield from _walk(root, path, is_wanted, within)
        elif path.is_file() and is_wanted(name):
            yield name, path


def _leads_within(root: Path, path: Path, name: str, is_wanted: Callable[[str], bool]) -> bool:
    """False: what nobody wants may lead anywhere."""
    try:
        real = Path(os.path.realpath(path, strict=True))
    except OSError as error:
        if not is_wanted(name):
            return False
        where = "to itself" if error.errno == errno.ELOOP else "nowhere"
        raise _bad(f"{name}: this link leads {where}") from None
    if real == root or root in real.parents:
        return True
    if not is_wanted(name):
        return False
    raise _bad(f"{name}: this link leads out of the build context")


def _bad(text: str) -> PandaStackError:
    return PandaStackError(text, code="client.local_file")
