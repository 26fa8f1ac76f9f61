"""What git says, read."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime

from .errors import PandaStackError
from .results import CommandResult


@dataclass(frozen=True)
class GitCredentials:
    """For `https` remotes: given to one command alone, and written nowhere in the sandbox."""

    username: str
    password: str = field(repr=False)


@dataclass(frozen=True)
class GitAuthor:
    """Who a commit is by."""

    name: str
    email: str


@dataclass(frozen=True)
class GitChange:
    """A file that differs."""

    path: str
    staged: str
    """In the next commit: `M`odified, `A`dded, `D`eleted, `R`enamed, …; `.`: not."""
    unstaged: str
    """Not in the next commit yet; `?`: unknown to git."""
    old_path: str | None = None
    """What it was called before, of one that was renamed."""


@dataclass(frozen=True)
class GitStatus:
    """How a repository is."""

    branch: str | None
    """None: none is checked out."""
    upstream: str | None
    ahead: int
    """Commits that the upstream has not."""
    behind: int
    """Commits that only the upstream has."""
    changes: list[GitChange]


@dataclass(frozen=True)
class GitCommit:
    """A commit."""

    hash: str
    author: GitAuthor
    date: datetime
    message: str


# Fields before the path: 8 of a changed one, 9 of a renamed one, 10 of one in conflict.
_FIELDS = {"1": 8, "2": 9, "u": 10}


def parse_status(text: str) -> GitStatus:
    """`git status --porcelain=v2 --branch -z`."""
    heads: dict[str, str] = {}
    changes: list[GitChange] = []
    entries = iter(text.split("\0"))
    for entry in entries:
        kind, staged, unstaged = entry[:1], entry[2:3], entry[3:4]
        if kind == "#":
            _, name, value = entry.split(" ", 2)
            heads[name] = value
        elif kind == "?":
            changes.append(GitChange(entry[2:], ".", "?"))
        elif kind in _FIELDS:
            # Its old name is an entry of its own.
            old_path = next(entries, None) if kind == "2" else None
            changes.append(GitChange(entry.split(" ", _FIELDS[kind])[-1], staged, unstaged, old_path))
    branch = heads.get("branch.head")
    ahead, behind = (abs(int(count)) for count in heads.get("branch.ab", "+0 -0").split(" "))
    return GitStatus(None if branch == "(detached)" else branch, heads.get("branch.upstream"), ahead, behind, changes)


LOG_FORMAT = "--format=%H%x1f%an%x1f%ae%x1f%cI%x1f%B%x1e"
"""What `parse_log` reads."""


def parse_log(text: str) -> list[GitCommit]:
    """Commits whose fields end in 0x1f and which end in 0x1e."""
    entries = [entry.removeprefix("\n").split("\x1f") for entry in text.split("\x1e")]
    return [
        GitCommit(fields[0], GitAuthor(fields[1], fields[2]), _date_of(fields[3]), fields[4].strip())
        for fields in entries
        if len(fields) == 5
    ]


def _date_of(text: str) -> datetime:
    # Python 3.10 knows no `Z`.
    return datetime.fromisoformat(re.sub(r"Z$", "+00:00", text))


def git_failure(verb: str, result: CommandResult) -> PandaStackError:
    """What git said, as an error."""
    if result.exit_code == 127:
        return PandaStackError("there is no git in this sandbox", code="client.git_missing")
    said = "\n".join((result.stderr.strip() or result.stdout.strip()).split("\n")[-5:])
    return PandaStackError(f"git {verb} failed: {said}", code="client.git_failed")
