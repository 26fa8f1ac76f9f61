"""git, driven here instead of in a sandbox: what it takes and says is the same."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest

from pandastack import AsyncSandbox, CommandResult, GitAuthor, GitChange, GitCredentials, PandaStackError
from pandastack._async.commands import AsyncCommands
from pandastack._async.git import AsyncGit
from pandastack._async.local import in_thread

pytestmark = pytest.mark.anyio


class Here:
    """Commands of this machine; with `asked` what it was asked, alone."""

    def __init__(self, asked: list[tuple[str, Mapping[str, str]]] | None = None) -> None:
        self._asked = asked

    async def run(self, command: str, *, cwd: str, env: Mapping[str, str], **_options: Any) -> CommandResult:
        if self._asked is not None:
            self._asked.append((command, env))
            return CommandResult(0, "", "")
        there = {"PATH": os.environ["PATH"], "HOME": cwd, **env}
        shell = ["/bin/sh", "-c", command]
        done = await in_thread(partial(subprocess.run, shell, cwd=cwd, env=there, capture_output=True, text=True))
        return CommandResult(done.returncode, done.stdout, done.stderr)


def git_with(commands: Here) -> AsyncGit:
    return AsyncGit(cast("AsyncCommands", commands))


async def test_makes_commits_branches_pushes_clones_and_says_how_things_stand(tmp_path: Path) -> None:
    git = git_with(Here())
    origin, cwd, other = (str(tmp_path / name) for name in ("origin.git", "one", "two"))
    await git.run(["init", "--quiet", "--bare", "--initial-branch", "main", origin], cwd=str(tmp_path))
    Path(cwd).mkdir()
    await git.init(cwd=cwd)
    status = await git.status(cwd=cwd)
    assert (status.branch, status.changes) == ("main", [])

    file = Path(cwd, "a file")
    file.write_text("one\n")
    assert (await git.status(cwd=cwd)).changes == [GitChange("a file", ".", "?")]
    await git.add(cwd=cwd)
    author = GitAuthor("It's Me", "me@example.com")
    commit = await git.commit("first; it's $HOME\n\nand more", cwd=cwd, author=author)
    (first,) = await git.log(cwd=cwd)
    assert (first.hash, first.author, first.message) == (commit, author, "first; it's $HOME\n\nand more")
    assert first.date.tzinfo is not None

    file.write_text("two\n")
    assert "+two" in await git.diff(cwd=cwd)
    assert await git.diff(cwd=cwd, is_staged=True) == ""
    await git.run(["mv", "a file", "b"], cwd=cwd)
    (change,) = (await git.status(cwd=cwd)).changes
    assert (change.path, change.old_path, change.staged) == ("b", "a file", "R")
    await git.checkout("feature", cwd=cwd, is_new=True)
    await git.add(["b"], cwd=cwd)
    await git.commit("second", cwd=cwd)
    await git.run(["remote", "add", "origin", origin], cwd=cwd)
    await git.push(cwd=cwd)
    status = await git.status(cwd=cwd)
    assert (status.branch, status.upstream, status.ahead, status.behind) == ("feature", "origin/feature", 0, 0)

    await git.clone(origin, other, cwd=str(tmp_path), branch="feature", depth=1)
    assert (await git.log(cwd=other, limit=1))[0].message == "second"
    await git.pull(cwd=other)
    with pytest.raises(PandaStackError, match="none") as caught:
        await git.checkout("none", cwd=cwd)
    assert caught.value.code == "client.git_failed"
    with pytest.raises(PandaStackError, match="git commit failed"):
        await git.commit("nothing", cwd=cwd)
    with pytest.raises(TypeError, match="'folder'"):
        await git.status(folder=cwd)  # type: ignore[call-arg]


async def test_hands_credentials_to_one_command_through_its_environment() -> None:
    asked: list[tuple[str, Mapping[str, str]]] = []
    credentials = GitCredentials("me", "s3cret")
    await git_with(Here(asked)).pull(credentials=credentials)
    ((command, env),) = asked
    assert "s3cret" not in command + repr(credentials)
    assert (env["PANDASTACK_GIT_PASSWORD"], env["GIT_TERMINAL_PROMPT"]) == ("s3cret", "0")


async def test_says_where_there_is_none(sandbox: AsyncSandbox) -> None:
    with pytest.raises(PandaStackError, match="apt-get") as caught:
        await sandbox.git.status()
    assert caught.value.code == "client.git_missing"
