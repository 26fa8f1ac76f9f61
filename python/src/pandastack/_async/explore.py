"""Several ways from the same state, side by side."""

from __future__ import annotations

import math
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from ..errors import InvalidRequestError, PandaStackError
from ..results import CommandCandidate, CommandResult
from .local import Number, all_at_once, settled

if TYPE_CHECKING:
    from .sandbox import AsyncSandbox

_CANDIDATES_LIMIT = 16
"""As many children as a tree can have."""


@dataclass
class AsyncOutcome:
    """How one of the candidates went."""

    sandbox: AsyncSandbox
    """The copy that it was tried in. Once all is decided only the winner's is there."""
    index: int
    """Its place among the candidates."""
    label: str
    duration_seconds: float = 0.0
    result: CommandResult | None = None
    """None where it could not be tried to its end; then `error` says why."""
    error: PandaStackError | None = None
    score: float | None = None
    """None: it does not take part."""


@dataclass(frozen=True)
class AsyncExploration:
    """Who won, and how all of them went."""

    winner: AsyncSandbox | None
    """None: none took part; then nothing is left."""
    outcomes: list[AsyncOutcome]
    """In the candidates' order."""


AsyncCandidate = str | CommandCandidate | Callable[["AsyncSandbox"], Awaitable[CommandResult]]
"""A way to be tried: a command, or what you do in the copy yourself."""

AsyncScore = Callable[[AsyncOutcome], Number]
"""How good an outcome is; the largest wins, and what is None or no finite number does not take part."""


def fastest_success(outcome: AsyncOutcome) -> float | None:
    """The first that succeeded in the shortest time."""
    has_succeeded = outcome.result is not None and outcome.result.exit_code == 0
    return -outcome.duration_seconds if has_succeeded else None


async def explore_in(
    parent: AsyncSandbox,
    candidates: Sequence[AsyncCandidate],
    score: AsyncScore | None,
    candidate_timeout_seconds: float | None,
    ttl_seconds: int | None,
    timeout_seconds: float | None,
) -> AsyncExploration:
    """Tries each in a copy; the best one stays."""
    if not 1 <= len(candidates) <= _CANDIDATES_LIMIT:
        raise InvalidRequestError(f"1 to {_CANDIDATES_LIMIT} candidates can be tried, not {len(candidates)}")
    children = await parent.fork_tree(len(candidates), ttl_seconds=ttl_seconds, timeout_seconds=timeout_seconds)

    async def remove_all() -> None:
        for child in children:
            with suppress(PandaStackError):
                await child.kill()

    async def try_one(index: int) -> AsyncOutcome:
        outcome = AsyncOutcome(children[index], index, _label_of(candidates[index], index))
        began = time.monotonic()
        try:
            outcome.result = await _run(children[index], candidates[index], candidate_timeout_seconds)
        except PandaStackError as error:
            # A bug in a candidate of the caller's is the caller's to see.
            outcome.error = error
        outcome.duration_seconds = time.monotonic() - began
        value = await settled((score or fastest_success)(outcome))
        outcome.score = value if value is not None and math.isfinite(value) else None
        return outcome

    outcomes = await all_at_once([partial(try_one, index) for index in range(len(children))], remove_all)
    try:
        taking = [(outcome.score, -outcome.index) for outcome in outcomes if outcome.score is not None]
        if not taking:
            await remove_all()
            return AsyncExploration(None, outcomes)
        winner = children[-max(taking)[1]]
        await winner.promote(cleanup_siblings=True)
        for child in children:
            if child is not winner:
                await child._forget()
    except BaseException:
        await remove_all()
        raise
    return AsyncExploration(winner, outcomes)


async def _run(sandbox: AsyncSandbox, candidate: AsyncCandidate, timeout_seconds: float | None) -> CommandResult:
    if isinstance(candidate, str):
        return await sandbox.commands.run(candidate, timeout_seconds=timeout_seconds)
    if isinstance(candidate, CommandCandidate):
        return await sandbox.commands.run(
            candidate.command, cwd=candidate.cwd, env=candidate.env, timeout_seconds=timeout_seconds
        )
    return await candidate(sandbox)


def _label_of(candidate: AsyncCandidate, index: int) -> str:
    if isinstance(candidate, str):
        return candidate
    if isinstance(candidate, CommandCandidate):
        return candidate.label or candidate.command
    return getattr(candidate, "__name__", f"candidate {index}")
