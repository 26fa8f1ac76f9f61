"""git in a sandbox."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from typing_extensions import TypedDict, Unpack

from ..options import check_options
from ..repositories import (
    LOG_FORMAT,
    GitAuthor,
    GitCommit,
    GitCredentials,
    GitStatus,
    git_failure,
    parse_log,
    parse_status,
)
from ..results import CommandResult
from .commands import AsyncCommands

# Asks nobody for a password: who waits for an answer to that would wait for ever.
_QUIET = {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
# Reads the credentials from the environment of the one command.
_HELPER = '!f() { echo "username=$PANDASTACK_GIT_USER"; echo "password=$PANDASTACK_GIT_PASSWORD"; }; f'


class GitOptions(TypedDict, total=False):
    """Which repository, and as whom."""

    cwd: str | None
    """The repository's folder. Default /root."""
    credentials: GitCredentials | None
    """For `https` remotes."""
    timeout_seconds: float | None
    """Of the command. Default: none."""


class AsyncGit:
    """git in a sandbox, for templates that have it. What it cannot is `run`.

    Every call takes `cwd`, the repository's folder (default /root), `credentials` for `https` remotes, and `timeout_seconds`.
    """

    def __init__(self, commands: AsyncCommands) -> None:
        self._commands = commands

    async def run(self, arguments: Sequence[str], **options: Unpack[GitOptions]) -> CommandResult:
        """Any git command.

        Example:
            await sandbox.git.run(["rebase", "main"], cwd="/root/project")

        Raises:
            PandaStackError: `client.git_failed`, with what git said; `client.git_missing`
        """
        return await self._run(arguments, options)

    async def clone(
        self,
        url: str,
        path: str | None = None,
        *,
        branch: str | None = None,
        depth: int | None = None,
        **options: Unpack[GitOptions],
    ) -> None:
        """A repository, as a folder.

        Args:
            url: where it is
            path: where to. Default: a folder named after it, in `cwd`
            branch: the one to check out
            depth: only so many commits. Default: all
            options: `cwd`, `credentials`, `timeout_seconds`
        """
        arguments = ["clone", "--quiet"]
        if branch is not None:
            arguments += ["--branch", branch]
        if depth is not None:
            arguments += ["--depth", str(depth)]
        await self._run([*arguments, "--", url, *([] if path is None else [path])], options)

    async def init(self, *, branch: str = "main", **options: Unpack[GitOptions]) -> None:
        """A new repository in `cwd`."""
        await self._run(["init", "--quiet", "--initial-branch", branch], options)

    async def status(self, **options: Unpack[GitOptions]) -> GitStatus:
        """The branch, how far it is from its remote's, and what has changed."""
        return parse_status((await self._run(["status", "--porcelain=v2", "--branch", "-z"], options)).stdout)

    async def diff(self, *, is_staged: bool = False, **options: Unpack[GitOptions]) -> str:
        """What has changed, as a patch; with `is_staged` what the next commit would have."""
        return (await self._run(["diff", *(["--staged"] if is_staged else [])], options)).stdout

    async def log(self, *, limit: int = 50, **options: Unpack[GitOptions]) -> list[GitCommit]:
        """Commits, newest first."""
        return parse_log((await self._run(["log", f"--max-count={limit}", LOG_FORMAT], options)).stdout)

    async def add(self, paths: Sequence[str] = (".",), **options: Unpack[GitOptions]) -> None:
        """Takes files into the next commit. Default: all."""
        await self._run(["add", "--all", "--", *paths], options)

    async def commit(self, message: str, *, author: GitAuthor | None = None, **options: Unpack[GitOptions]) -> str:
        """Commits what was added; its hash.

        Example:
            await sandbox.git.commit("fix", cwd="/root/project", author=GitAuthor("Agent", "agent@example.com"))
        """
        who = author or GitAuthor("PandaStack", "sandbox@localhost")
        identity = ["-c", f"user.name={who.name}", "-c", f"user.email={who.email}"]
        await self._run([*identity, "commit", "--quiet", "--message", message], options)
        return (await self._run(["rev-parse", "HEAD"], options)).stdout.strip()

    async def checkout(self, branch: str, *, is_new: bool = False, **options: Unpack[GitOptions]) -> None:
        """Another branch; with `is_new` it is made."""
        await self._run(["checkout", "--quiet", *(["-b"] if is_new else []), branch], options)

    async def pull(self, **options: Unpack[GitOptions]) -> None:
        """From the branch's remote."""
        await self._run(["pull", "--quiet", "--ff-only"], options)

    async def push(self, *, remote: str = "origin", branch: str = "HEAD", **options: Unpack[GitOptions]) -> None:
        """To a remote; the branch follows it from then on."""
        await self._run(["push", "--quiet", "--set-upstream", remote, branch], options)

    async def _run(self, arguments: Sequence[str], options: GitOptions) -> CommandResult:
        check_options(options, GitOptions)
        env = {**_QUIET}
        first: list[str] = []
        credentials = options.get("credentials")
        if credentials is not None:
            env["PANDASTACK_GIT_USER"] = credentials.username
            env["PANDASTACK_GIT_PASSWORD"] = credentials.password
            # The empty one forgets those that the sandbox has.
            first = ["-c", "credential.helper=", "-c", f"credential.helper={_HELPER}"]
        result = await self._commands.run(
            shlex.join(["git", *first, *arguments]),
            cwd=options.get("cwd") or "/root",
            env=env,
            timeout_seconds=options.get("timeout_seconds"),
        )
        if result.exit_code != 0:
            verb = arguments[0] if arguments else ""
            raise git_failure("commit" if verb == "-c" else verb, result)
        return result
