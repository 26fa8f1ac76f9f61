"""Several ways from the same state."""

from __future__ import annotations

import pytest
from running_server import Server

from pandastack import (
    AsyncOutcome,
    AsyncPandaStack,
    AsyncSandbox,
    CommandCandidate,
    CommandResult,
    InvalidRequestError,
)

pytestmark = pytest.mark.anyio


async def alive(panda: AsyncPandaStack) -> set[str]:
    return {each.id for each in await panda.sandboxes.list()}


async def write_twenty(copy: AsyncSandbox) -> CommandResult:
    return await copy.exec("echo 20 > /root/answer")


async def by_answer(outcome: AsyncOutcome) -> float | None:
    if outcome.result is None or outcome.result.exit_code != 0:
        return None
    return float(await outcome.sandbox.files.read("/root/answer"))


async def test_the_best_of_commands_functions_and_failures_stays(panda: AsyncPandaStack, sandbox: AsyncSandbox) -> None:
    await sandbox.files.write("/root/state", "base")
    before = await alive(panda)
    tried = await sandbox.explore(
        [
            "echo 10 > /root/answer",
            CommandCandidate("echo $N > /root/answer", label="by environment", env={"N": "30"}),
            write_twenty,
            "exit 1",
            "sleep 60",
        ],
        by_answer,
        candidate_timeout_seconds=5,
    )
    assert [outcome.score for outcome in tried.outcomes] == [10, 30, 20, None, None]
    labels = ["echo 10 > /root/answer", "by environment", "write_twenty", "exit 1", "sleep 60"]
    assert [outcome.label for outcome in tried.outcomes] == labels
    late = tried.outcomes[4].error
    assert late is not None
    assert late.code == "exec.timeout"
    assert tried.winner is tried.outcomes[1].sandbox
    assert await tried.winner.files.read("/root/state") == "base"
    assert await alive(panda) - before == {tried.winner.id}
    await tried.winner.kill()


async def test_without_a_success_or_with_a_broken_score_nothing_is_left(
    panda: AsyncPandaStack, sandbox: AsyncSandbox
) -> None:
    before = await alive(panda)
    # Without a score: the first that ends with 0.
    winner = (await sandbox.explore(["exit 1", "true"])).winner
    assert winner is not None
    await winner.kill()
    assert (await sandbox.explore(["exit 1", "exit 2"])).winner is None
    assert (await sandbox.explore(["true"], lambda _outcome: float("nan"))).winner is None
    with pytest.raises(ZeroDivisionError):
        await sandbox.explore(["true", "sleep 60"], lambda outcome: outcome.index // 0)
    with pytest.raises(InvalidRequestError):
        await sandbox.explore([])
    assert await alive(panda) == before


async def test_holds_no_connections_of_those_that_lost(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    async with await AsyncSandbox.create() as sandbox:
        tried = await sandbox.explore(["true", "exit 1"])
        assert [outcome.sandbox.status for outcome in tried.outcomes] == ["running", "deleted"]
        assert tried.winner is not None
        await tried.winner.kill()
    assert sandbox.commands._http._client is None
