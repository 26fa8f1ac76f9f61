"""One real server for all tests: control plane, PostgreSQL and host agent, with a runtime that makes sandboxes up.

`PANDASTACK_TEST_SERVER='{"url": …, "token": …, "has_programs": true}'` names another one, such as one with real sandboxes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from running_server import Answer, Server, StandIn

REPOSITORY = Path(__file__).resolve().parents[2]
SERVE = REPOSITORY / "packages/control-plane/tests/support/serve.ts"
STOP_TIMEOUT_SECONDS = 30
LOG_LIMIT_CHARACTERS = 20_000


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    given = os.environ.get("PANDASTACK_TEST_SERVER")
    if given is not None:
        yield Server(**json.loads(given))
        return
    node = os.environ.get("PANDASTACK_NODE", "node")
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            [node, str(SERVE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        )
        with process:
            assert process.stdout is not None
            assert process.stdin is not None
            line = process.stdout.readline()
            if not line.startswith("{"):
                log.seek(0)
                pytest.fail(f"the server did not start: {line}{log.read()}")
            yield Server(**json.loads(line))
            process.stdin.close()
            process.wait(STOP_TIMEOUT_SECONDS)
            if request.session.testsfailed:
                # What the server had to say about it.
                log.seek(0)
                with request.config.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
                    sys.stderr.write(log.read()[-LOG_LIMIT_CHARACTERS:])


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is set on this machine is not what is tested."""
    for name in os.environ:
        if name.startswith("PANDASTACK_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", "/nowhere")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def stand_in() -> Iterator[Callable[..., StandIn]]:
    """Starts servers that answer as they are told."""
    started: list[StandIn] = []

    def start(*answers: Answer, tls: tuple[Path, Path] | None = None) -> StandIn:
        started.append(StandIn(*answers, tls=tls))
        return started[-1]

    yield start
    for each in started:
        each.close()
