"""What every client does; the TypeScript one reads the same file."""

from __future__ import annotations

import pytest
from _async.scenario_runner import AsyncScenarioRunner
from running_server import Server
from scenario_words import SCENARIOS, Scenario

from pandastack import AsyncPandaStack

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario["name"])
async def test_scenario(server: Server, panda: AsyncPandaStack, scenario: Scenario) -> None:
    if scenario.get("needs") == "programs" and not server.has_programs:
        pytest.skip("the fake guest has no programs of its own")
    if scenario.get("needs") == "builds" and server.has_programs:
        pytest.skip("a template takes minutes: npm run test:templates")
    await AsyncScenarioRunner(panda).run(scenario["steps"])
