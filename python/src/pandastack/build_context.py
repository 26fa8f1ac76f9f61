"""The files that a build copies from, collected on this machine."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

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
