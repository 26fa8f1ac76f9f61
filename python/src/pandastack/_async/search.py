"""Looks for text and files in a sandbox."""

from __future__ import annotations

from ..errors import InvalidRequestError, NotFoundError
from ..findings import LINE_LIMIT_CHARACTERS, GlobResult, GrepResult, match_of, relative_to
from ..globs import glob_to_regex, name_of
from .commands import AsyncCommands

_HOME = "/root"
_LIMIT_DEFAULT = 200
# A search in a large tree takes its time; one that nobody waits for should not go on for ever.
_SEARCH_TIMEOUT_SECONDS = 60.0
# Files that a glob looks at.
_SCAN_LIMIT = 50_000

_NO_SUCH_PATH = 66
_REQUIRE_PATH = f'test -e "$IN" || {{ echo "no such file or directory: $IN" >&2; exit {_NO_SUCH_PATH}; }}'

# Path, NUL, number, line. Binary files, `.git` and `node_modules` are left out. `head` ends the search once there is enough.
# The complaint about a bad pattern is the only one that is not silenced.
_GREP = (
    _REQUIRE_PATH
    + """
if command -v rg >/dev/null 2>&1; then
  echo ripgrep
  set -- --no-config --no-messages --no-heading --with-filename --line-number --null --color never --sort path
  test -n "$NAME" && set -- "$@" --type-add "wanted:$NAME" --type wanted
  test -n "$FIXED" && set -- "$@" --fixed-strings
  test -n "$CASE" && set -- "$@" --ignore-case
  rg "$@" --glob '!.git' --glob '!node_modules' -e "$PATTERN" -- "$IN"
else
  echo grep
  set -- -rnIsHZ --exclude-dir=.git --exclude-dir=node_modules
  test -n "$NAME" && set -- "$@" --include="$NAME"
  if test -n "$FIXED"; then set -- "$@" -F; else set -- "$@" -P; fi
  test -n "$CASE" && set -- "$@" -i
  grep "$@" -e "$PATTERN" -- "$IN"
fi | head -n "$LIMIT" | cut -c "1-$WIDTH\""""
)

_GLOB = (
    _REQUIRE_PATH
    + """
find "$IN" -name .git -prune -o -name node_modules -prune -o -type f -name "$NAME" -print | head -n "$LIMIT\""""
)


class AsyncSearch:
    """Looks for text and files in a sandbox, there, and brings only what was found.

    `path`: a file or folder, absolute or relative to /root, which is the default. `limit`: most results, by default 200; more are
    said as `is_truncated`. `timeout_seconds`: of the search, by default 60.
    """

    def __init__(self, commands: AsyncCommands) -> None:
        self._commands = commands

    async def grep(
        self,
        pattern: str,
        *,
        path: str = _HOME,
        glob: str = "",
        ignore_case: bool = False,
        is_fixed: bool = False,
        limit: int = _LIMIT_DEFAULT,
        timeout_seconds: float | None = None,
    ) -> GrepResult:
        """Lines that match a regular expression, with ripgrep where the sandbox has one.

        Args:
            pattern: what to look for
            path: where
            glob: only files whose name, or path below `path`, fits: `*.ts`, `src/*.py`
            ignore_case: capitals and small letters are the same
            is_fixed: the pattern is text, not a regular expression
            limit: most results
            timeout_seconds: of the search

        Raises:
            NotFoundError: `file.not_found`, where there is no `path`
            InvalidRequestError: `client.bad_pattern`
        """
        fits = glob_to_regex(glob) if "/" in glob else None
        env = {
            "PATTERN": pattern,
            "IN": path,
            "NAME": name_of(glob) if glob else "",
            "FIXED": "1" if is_fixed else "",
            "CASE": "1" if ignore_case else "",
            # One for the engine's name, one to see that there is more. What only a path tells apart is filtered here.
            "LIMIT": str((limit if fits is None else _SCAN_LIMIT) + 2),
            "WIDTH": str(LINE_LIMIT_CHARACTERS + len(path) + 256),
        }
        engine, *lines = (await self._run(_GREP, env, timeout_seconds)).split("\n")
        matches = [
            match
            for match in map(match_of, lines)
            if match is not None and (fits is None or fits.fullmatch(relative_to(path, match.path)))
        ]
        return GrepResult(matches[:limit], len(matches) > limit, "ripgrep" if engine == "ripgrep" else "grep")

    async def glob(
        self,
        pattern: str,
        *,
        path: str = _HOME,
        limit: int = _LIMIT_DEFAULT,
        timeout_seconds: float | None = None,
    ) -> GlobResult:
        """Files whose path fits a glob, without `.git` and `node_modules`, sorted.

        Raises:
            NotFoundError: `file.not_found`, where there is no `path`
            InvalidRequestError: `client.bad_pattern`
        """
        fits = glob_to_regex(pattern)
        env = {"IN": path, "NAME": name_of(pattern), "LIMIT": str(_SCAN_LIMIT)}
        scanned = [line for line in (await self._run(_GLOB, env, timeout_seconds)).split("\n") if line]
        paths = sorted(each for each in scanned if fits.fullmatch(relative_to(path, each)))
        return GlobResult(paths[:limit], len(paths) > limit or len(scanned) >= _SCAN_LIMIT)

    async def _run(self, script: str, env: dict[str, str], timeout_seconds: float | None) -> str:
        limit = _SEARCH_TIMEOUT_SECONDS if timeout_seconds is None else timeout_seconds
        result = await self._commands.run(script, env=env, cwd=_HOME, timeout_seconds=limit)
        # ripgrep draws first and says at the end.
        said = result.stderr.strip().split("\n")[-1]
        if result.exit_code == _NO_SUCH_PATH:
            raise NotFoundError(said, code="file.not_found")
        # All that is not silenced is about the pattern.
        if said and result.stdout.count("\n") <= 1:
            raise InvalidRequestError(f"the search failed: {said}", code="client.bad_pattern")
        return result.stdout
