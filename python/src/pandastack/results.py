"""What commands, copies and watches say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from .errors import CommandError

OUTPUT_LIMIT_CHARACTERS = 16 * 1024 * 1024
"""What is kept of each stream: a command that never stops talking must not take this program's memory."""

StreamName = Literal["stdout", "stderr"]


@dataclass(frozen=True)
class CommandResult:
    """A command that has ended."""

    exit_code: int
    """127: no such command; 128 + n: killed by signal n."""
    stdout: str
    stderr: str
    is_truncated: bool = False
    """There was more output than is kept. Callbacks and streams get all of it."""

    def check(self, command: str) -> CommandResult:
        """Itself, where the exit code is 0; else a CommandError."""
        if self.exit_code != 0:
            raise CommandError(command, self)
        return self


@dataclass(frozen=True)
class CommandEvent:
    """What a running command says. The last one is its exit."""

    type: Literal["stdout", "stderr", "exit"]
    text: str = ""
    exit_code: int | None = None


@dataclass(frozen=True)
class CommandOutput:
    """A piece of what a command wrote. Bytes: what is text may be cut anywhere."""

    type: StreamName
    data: bytes


@dataclass(frozen=True)
class CommandExit:
    """How a command ended."""

    exit_code: int
    signal: str | None
    """`SIGKILL`, … where a signal ended it."""


@dataclass(frozen=True)
class CommandCandidate:
    """A command that `explore` tries."""

    command: str
    label: str | None = None
    """Default: the command."""
    cwd: str | None = None
    env: Mapping[str, str] | None = None


@dataclass(frozen=True)
class FileChange:
    """Something that happened below a watched path."""

    kind: Literal["create", "write", "remove", "rename", "chmod", "overflow"]
    """`overflow`: more happened than could be said; look for yourself."""
    path: str = ""
    old_path: str | None = None
    is_dir: bool = False


@dataclass(frozen=True)
class TransferProgress:
    """How far a copy has come, after every piece."""

    bytes: int
    total_bytes: int | None
    """Of the whole; None where it is not known: folders, and files that grow."""


class OutputCollector:
    """Keeps what a command writes, up to a limit, and passes it on."""

    def __init__(
        self,
        on_stdout: Callable[[str], object] | None,
        on_stderr: Callable[[str], object] | None,
        limit_characters: int = OUTPUT_LIMIT_CHARACTERS,
    ) -> None:
        self._callbacks = {"stdout": on_stdout, "stderr": on_stderr}
        self._pieces: dict[str, list[str]] = {"stdout": [], "stderr": []}
        self._room = {"stdout": limit_characters, "stderr": limit_characters}
        self._is_truncated = False

    def add(self, stream: StreamName, text: str) -> None:
        """One more piece."""
        room = self._room[stream]
        if len(text) > room:
            self._is_truncated = True
        if room > 0:
            self._pieces[stream].append(text[:room])
            self._room[stream] = max(0, room - len(text))
        callback = self._callbacks[stream]
        if callback is not None:
            callback(text)

    def result(self, exit_code: int) -> CommandResult:
        """All that was kept."""
        stdout, stderr = ("".join(self._pieces[stream]) for stream in ("stdout", "stderr"))
        return CommandResult(exit_code, stdout, stderr, self._is_truncated)
