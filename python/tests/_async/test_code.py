"""Code with state."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from running_server import StandIn, begins, says

from pandastack import AsyncPandaStack, ConnectionError, NotFoundError, TimeoutError
from pandastack._async.code import AsyncCode
from pandastack.executions import CodeEvent, CodeEventParser

pytestmark = pytest.mark.anyio

Start = Callable[..., StandIn]
SANDBOX = f"/sandboxes/{'a' * 20}"
BEGAN = {"type": "number_of_executions", "execution_count": 3, "context_id": "c1"}
ENDED = {"type": "end_of_execution", "execution_count": 3, "timed_out": False, "exit_code": 1, "duration_ms": 1.5}


def lines(*messages: object) -> str:
    return "".join(json.dumps(message) + "\n" for message in messages)


async def test_collects_what_code_says_and_passes_it_on(stand_in: Start) -> None:
    said = lines(
        BEGAN,
        {"type": "stdout", "text": "héllo\n", "timestamp": "t"},
        {"type": "keepalive"},
        {"type": "stderr", "text": "bad\n", "timestamp": "t"},
        {"type": "result", "html": "<b>1</b>", "is_main_result": False},
        {"type": "result", "text": "{'a': 1}", "json": {"a": 1}, "is_main_result": True},
        {"type": "error", "name": "ValueError", "value": "no", "traceback": "Traceback"},
        ENDED,
    )
    server = stand_in(begins("application/x-ndjson", said))
    heard: list[object] = []
    async with AsyncPandaStack(base_url=server.url) as panda:
        execution = await AsyncCode(panda.http, SANDBOX).run(
            "code",
            language="python",
            context="c1",
            env={"A": "b"},
            timeout_seconds=1.5,
            on_stdout=heard.append,
            on_stderr=heard.append,
            on_result=lambda result: heard.append(result.html),
            on_error=lambda error: heard.append(error.name),
        )
    assert heard == ["héllo\n", "bad\n", "<b>1</b>", None, "ValueError"]
    assert (execution.stdout, execution.stderr, execution.text) == ("héllo\n", "bad\n", "{'a': 1}")
    assert execution.results[1].json_value == {"a": 1}
    assert (execution.exit_code, execution.execution_count, execution.context_id) == (1, 3, "c1")
    assert execution.error is not None
    assert execution.error.value == "no"
    asked = json.loads(server.requests[0].body)
    assert asked == {"code": "code", "language": "python", "context_id": "c1", "env": {"A": "b"}, "timeout_ms": 1500}


async def test_says_how_code_failed_to_end(stand_in: Start) -> None:
    late = stand_in(begins("application/x-ndjson", lines(BEGAN, {**ENDED, "timed_out": True})))
    cut = stand_in(begins("application/x-ndjson", lines(BEGAN)))
    gone = stand_in(says(404, {"error": "Context c1 not found", "code": "code.context_not_found", "retryable": False}))
    for server, kind, code in (
        (late, TimeoutError, "exec.timeout"),
        (cut, ConnectionError, "client.connection"),
        (gone, NotFoundError, "code.context_not_found"),
    ):
        async with AsyncPandaStack(base_url=server.url) as panda:
            with pytest.raises(kind) as caught:
                await AsyncCode(panda.http, SANDBOX).run("code")
        assert caught.value.code == code


async def test_has_contexts(stand_in: Start) -> None:
    info = {
        "id": "c1",
        "language": "python",
        "cwd": "/tmp",
        "user": "root",
        "created_at": "2026-01-01T00:00:00.000Z",
        "executions": 0,
        "busy": False,
        "pid": 7,
    }
    cut = begins("application/x-ndjson", lines(BEGAN))
    server = stand_in(says(201, info), says(200, {"contexts": [info]}), says(200, info), cut)
    async with AsyncPandaStack(base_url=server.url) as panda:
        code = AsyncCode(panda.http, SANDBOX)
        context = await code.create_context(cwd="/tmp")
        assert [each.id for each in await code.list_contexts()] == ["c1"]
        await context.restart(timeout_seconds=5)
        with pytest.raises(TypeError, match="'languages'"):
            await code.run("1", languages="python")  # type: ignore[call-arg]
        with pytest.raises(ConnectionError):
            await code.run("1", context=context)
        with pytest.raises(ConnectionError):
            await context.stream("1").to_list()
    assert [request.path for request in server.requests] == [
        f"/v1{SANDBOX}/code/contexts",
        f"/v1{SANDBOX}/code/contexts",
        f"/v1{SANDBOX}/code/contexts/c1/restart",
        f"/v1{SANDBOX}/code/stream",
        f"/v1{SANDBOX}/code/stream",
    ]
    assert [json.loads(request.body)["context_id"] for request in server.requests[3:]] == ["c1", "c1"]


def test_cuts_events_whatever_the_pieces_are() -> None:
    said = lines(BEGAN, {"type": "stdout", "text": "x", "timestamp": "t"}, ENDED).encode()
    for size in (1, 7, len(said)):
        parser = CodeEventParser()
        events: list[CodeEvent] = []
        for start in range(0, len(said), size):
            events.extend(parser.push(said[start : start + size]))
        assert [event.type for event in events] == ["started", "stdout", "end"]
