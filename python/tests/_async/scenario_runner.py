"""Plays the scenarios that every client plays: `tests/scenarios` of the repository says what their words mean."""

from __future__ import annotations

import inspect
import uuid
from collections.abc import Sequence
from typing import Any

import pytest
from scenario_words import Step, filled, find, matches, options_of

import pandastack
from pandastack import AsyncPandaStack, PandaStackError
from pandastack._async.local import all_at_once
from pandastack._async.stream import AsyncStream


class AsyncScenarioRunner:
    """One scenario at a time; what it made goes with it."""

    def __init__(self, client: AsyncPandaStack) -> None:
        self._client = client

    async def run(self, steps: Sequence[Step]) -> None:
        saved: dict[str, Any] = {"client": self._client, "unique": uuid.uuid4().hex[:12]}
        before = await self._sandbox_ids()
        try:
            for number, step in enumerate(steps, 1):
                try:
                    await self._play(saved, step)
                except (AssertionError, PandaStackError, AttributeError, TypeError) as error:
                    raise AssertionError(f"step {number}, {step.get('do') or step.get('get')}: {error}") from error
        finally:
            for left in await self._sandbox_ids() - before:
                await self._client.sandboxes.kill(left)

    async def _play(self, saved: dict[str, Any], step: Step) -> None:
        fails = step.get("fails")
        if fails is None:
            await all_at_once([lambda: self._play_once(saved, step)] * step.get("times", 1), self._nothing)
            return
        with pytest.raises(getattr(pandastack, fails["kind"])) as caught:
            await self._play_once(saved, step)
        error = caught.value
        assert isinstance(error, PandaStackError)
        assert error.code == fails.get("code", error.code), str(error)
        if "hint" in fails:
            wrong = matches(error.hint, {"$matches": fails["hint"]})
            assert wrong is None, wrong

    async def _play_once(self, saved: dict[str, Any], step: Step) -> None:
        heard: dict[str, list[str]] = {name: [] for name in step.get("hears", {})}
        member = find(saved, step.get("do") or step["get"])
        result = member
        if "do" in step:
            arguments = [filled(saved, each) for each in step.get("with", [])]
            callbacks = {name: pieces.append for name, pieces in heard.items()}
            result = await self._settled(member(*arguments, **options_of(saved, step), **callbacks))
        if "save" in step:
            saved[step["save"]] = result
            return
        said = await self._read(result, step.get("take"))
        if "gives" in step:
            wrong = matches(said, filled(saved, step["gives"]))
            assert wrong is None, wrong
        assert {name: "".join(pieces) for name, pieces in heard.items()} == step.get("hears", {})

    async def _read(self, value: Any, take: int | None) -> Any:
        """Streams, item by item."""
        if not isinstance(value, AsyncStream):
            return value
        items: list[Any] = []
        async with value:
            async for item in value:
                items.append(item)
                if len(items) == take:
                    break
        return items

    async def _settled(self, value: Any) -> Any:
        if inspect.isawaitable(value):
            value = await value
        return value

    async def _nothing(self) -> None:
        """The scenario ends, and takes all with it."""

    async def _sandbox_ids(self) -> set[str]:
        return {each.id for each in await self._client.sandboxes.list()}
