"""Patterns of paths."""

from __future__ import annotations

import re

from .errors import InvalidRequestError


def glob_to_regex(glob: str) -> re.Pattern[str]:
    """A glob as a regular expression for relative paths.

    `*` and `?` stay in a folder, `**` goes through any number of them, `[a-z]`, `{ts,tsx}`. One without a slash is a name, in
    whatever folder.
    """
    pattern = re.sub(r"^\.?/", "", glob) if "/" in glob else f"**/{glob}"
    source = ""
    braces = 0
    at = 0
    while at < len(pattern):
        letter = pattern[at]
        piece = re.escape(letter)
        if pattern.startswith("**/", at):
            piece = "(?:[^/]+/)*"
            at += 2
        elif pattern.startswith("**", at):
            piece = ".*"
            at += 1
        elif letter == "*":
            piece = "[^/]*"
        elif letter == "?":
            piece = "[^/]"
        elif letter == "[" and (end := pattern.find("]", at + 2)) != -1:
            piece = _one_of(pattern[at + 1 : end])
            at = end
        elif letter == "{":
            braces += 1
            piece = "(?:"
        elif letter == "}" and braces > 0:
            braces -= 1
            piece = ")"
        elif letter == "," and braces > 0:
            piece = "|"
        source += piece
        at += 1
    try:
        return re.compile(source + ")" * braces, re.DOTALL)
    except re.error as error:
        raise InvalidRequestError(f"{glob!r} is no pattern of paths: {error}", code="client.bad_pattern") from error


def _one_of(inside: str) -> str:
    """`[a-z]`, `[!x]`: of what is between the brackets nothing but a range means anything."""
    negation = "^" if inside[0] in "!^" else ""
    letters = "".join(letter if letter == "-" else re.escape(letter) for letter in inside[len(negation) :])
    return f"[{negation}{letters}]"


def name_of(glob: str) -> str:
    """What `find -name` can tell apart by itself: the last part of the pattern, where that is simple."""
    last = glob.rsplit("/", 1)[-1]
    return "*" if re.search(r"[{\[]|\*\*", last) else last
