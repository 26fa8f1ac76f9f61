"""What a search finds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

LINE_LIMIT_CHARACTERS = 1000
"""A line of minified code is as long as a file."""

_MATCH = re.compile(r"([^\0]*)\0(\d+):(.*)", re.DOTALL)


@dataclass(frozen=True)
class SearchMatch:
    """A line that matches."""

    path: str
    line: int
    """Counted from 1."""
    text: str
    """At most 1,000 characters of it."""


@dataclass(frozen=True)
class GrepResult:
    """Lines that match, by file."""

    matches: list[SearchMatch]
    is_truncated: bool
    """There were more than `limit`."""
    engine: Literal["ripgrep", "grep"]
    """What the sandbox had: ripgrep also leaves out what `.gitignore` names."""


@dataclass(frozen=True)
class GlobResult:
    """Files whose path fits."""

    paths: list[str]
    is_truncated: bool


def match_of(line: str) -> SearchMatch | None:
    """Path, NUL, number, line; None for anything else."""
    found = _MATCH.fullmatch(line)
    if found is None:
        return None
    return SearchMatch(found.group(1), int(found.group(2)), found.group(3)[:LINE_LIMIT_CHARACTERS])


def relative_to(folder: str, path: str) -> str:
    """Without what both begin with."""
    return path.removeprefix(f"{folder.rstrip('/')}/")
