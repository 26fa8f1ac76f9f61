"""Servers and networks that misbehave."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest
from running_server import StandIn, begins, hangs_up, says

from pandastack import (
    AsyncPandaStack,
    CapacityError,
    ConnectionError,
    PandaStackError,
    TimeoutError,
    __version__,
)
from pandastack._async.commands import AsyncCommands
from pandastack._async.files import AsyncFiles

pytestmark = pytest.mark.anyio

Start = Callable[..., StandIn]
SANDBOX = f"/sandboxes/{'a' * 20}"
BUSY = {"error": "full", "code": "capacity.unavailable", "retryable": True}


async def test_asks_again_with_the_same_key(stand_in: Start) -> None:
    server = stand_in(
        hangs_up, says(503, {"error": "starting", "code": "host.unavailable", "retryable": True}), says(200, {})
    )
    async with AsyncPandaStack("pds_x", base_url=server.url) as panda:
        with pytest.raises(ConnectionError) as caught:
            await panda.sandboxes.create()
    # The third answer came, and was no sandbox.
    assert caught.value.code == "client.bad_answer"
    keys = [request.headers["idempotency-key"] for request in server.requests]
    assert len(keys) == 3
    assert len(set(keys)) == 1
    assert server.requests[0].headers["authorization"] == "Bearer pds_x"
    assert server.requests[0].headers["user-agent"] == f"pandastack-python/{__version__}"


async def test_waits_as_long_as_it_is_told(stand_in: Start) -> None:
    server = stand_in(says(429, BUSY, {"retry-after": "0.3"}), says(200, []))
    async with AsyncPandaStack(base_url=server.url) as panda:
        began = time.monotonic()
        assert await panda.sandboxes.list() == []
        assert time.monotonic() - began >= 0.3


async def test_says_why_where_there_is_no_time_to_wait(stand_in: Start) -> None:
    server = stand_in(says(429, BUSY, {"retry-after": "60", "x-request-id": "r1"}))
    async with AsyncPandaStack(base_url=server.url) as panda:
        with pytest.raises(CapacityError) as caught:
            await panda.sandboxes.list(timeout_seconds=5)
    assert (caught.value.retry_after_seconds, caught.value.request_id) == (60, "r1")
    assert len(server.requests) == 1


async def test_does_not_repeat_what_may_have_been_done(stand_in: Start) -> None:
    server = stand_in(says(503, {"error": "away", "code": "host.unavailable", "retryable": True}))
    async with AsyncPandaStack(base_url=server.url) as panda:
        with pytest.raises(PandaStackError):
            await panda.tokens.create()
        assert len(server.requests) == 1
        # What was refused has done nothing.
        busy = stand_in(says(429, BUSY, {"retry-after": "0"}))
        async with AsyncPandaStack(base_url=busy.url) as other:
            with pytest.raises(CapacityError):
                await other.tokens.create()
        assert len(busy.requests) == 4


async def test_does_not_repeat_what_will_not_change(stand_in: Start) -> None:
    server = stand_in(says(507, {"error": "full", "code": "capacity.insufficient_memory", "retryable": False}))
    async with AsyncPandaStack(base_url=server.url) as panda:
        with pytest.raises(CapacityError):
            await panda.sandboxes.list()
    assert len(server.requests) == 1


async def test_gives_the_reason_when_there_is_hardly_time_for_one_more(
    stand_in: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pandastack._async.http.LEAST_ATTEMPT_SECONDS", 60)
    away = {"error": "away", "code": "host.unavailable", "retryable": True}
    server = stand_in(says(503, away, {"retry-after": "0"}))
    async with AsyncPandaStack(base_url=server.url, timeout_seconds=20) as panda:
        with pytest.raises(PandaStackError) as caught:
            await panda.sandboxes.list()
    assert caught.value.code == "host.unavailable"
    assert len(server.requests) == 1


async def test_gives_up_in_time(stand_in: Start) -> None:
    server = stand_in(lambda _request, _handler: time.sleep(5))
    async with AsyncPandaStack(base_url=server.url, timeout_seconds=0.2) as panda:
        began = time.monotonic()
        with pytest.raises(TimeoutError, match=r"0\.2 s") as caught:
            await panda.sandboxes.list()
        assert time.monotonic() - began < 4
    assert caught.value.code == "client.timeout"


async def test_names_a_server_that_is_not_there() -> None:
    async with AsyncPandaStack(base_url="http://127.0.0.1:9") as panda:
        with pytest.raises(ConnectionError, match="npm start") as caught:
            await panda.sandboxes.list(timeout_seconds=20)
        assert caught.value.code == "client.connection"
        with pytest.raises(ConnectionError):
            await AsyncCommands(panda.http, SANDBOX).start("cat", stdin=True)
    for url in ("127.0.0.1:8080", "ftp://here", "http://[::1"):
        async with AsyncPandaStack(base_url=url) as nowhere:
            with pytest.raises(PandaStackError) as wrong:
                await nowhere.sandboxes.list()
            assert wrong.value.code == "client.bad_url"


async def test_knows_who_is_no_server_of_ours(stand_in: Start) -> None:
    page = stand_in(lambda _request, handler: handler.send(200, b"<html>"))
    async with AsyncPandaStack(base_url=page.url) as panda:
        with pytest.raises(ConnectionError) as caught:
            await panda.sandboxes.list()
        assert caught.value.code == "client.bad_answer"
        with pytest.raises(PandaStackError) as refused:
            await AsyncCommands(panda.http, SANDBOX).start("cat", stdin=True)
        assert refused.value.code in ("http.200", "client.connection")


async def test_says_how_to_find_a_command_whose_output_broke_off(stand_in: Start) -> None:
    frame = 'event: stdout\ndata: {"chunk":"part"}\n\n'
    server = stand_in(begins("text/event-stream", frame, {"x-pandastack-process": "c_1"}))
    async with AsyncPandaStack(base_url=server.url) as panda:
        pieces: list[str] = []
        with pytest.raises(ConnectionError, match="c_1") as caught:
            await AsyncCommands(panda.http, SANDBOX).run("x", on_stdout=pieces.append)
    assert pieces == ["part"]
    assert caught.value.details == {"command_id": "c_1"}
    # Asking again would run it twice.
    assert len(server.requests) == 1


async def test_never_takes_half_a_file_for_a_whole_one(stand_in: Start) -> None:
    server = stand_in(begins("application/octet-stream", "half"))
    async with AsyncPandaStack(base_url=server.url) as panda:
        files = AsyncFiles(panda.http, SANDBOX, AsyncCommands(panda.http, SANDBOX))
        with pytest.raises(ConnectionError):
            await files.read_bytes("/x", timeout_seconds=20)
        with pytest.raises(ConnectionError):
            await files.read_stream("/x").to_list()


async def test_waits_for_a_template_that_is_being_built(stand_in: Start) -> None:
    build = {"id": "b1", "name": "code-interpreter", "status": "building", "step": 1, "steps": 2, "cached_steps": 0}
    build = {**build, "started_at": "2026-01-01T00:00:00Z", "size_mb": 0}
    coming = {"error": "soon", "code": "template.not_ready", "retryable": True, "details": {"build_id": "b1"}}
    full = says(507, {"error": "full", "code": "capacity.insufficient_memory", "retryable": False})
    server = stand_in(
        says(503, coming, {"retry-after": "60"}),
        says(200, build),
        says(200, {**build, "status": "done", "step": 2}),
        full,
    )
    seen: list[int | None] = []
    async with AsyncPandaStack(base_url=server.url) as panda:
        with pytest.raises(CapacityError):
            await panda.sandboxes.create(
                template="code-interpreter", on_template_build=lambda info: seen.append(info.step)
            )
        assert seen == [1, 2]
        sent = [request for request in server.requests if request.method == "POST"]
        # The second asks for the same sandbox.
        assert len({request.headers["idempotency-key"] for request in sent}) == 1
        assert json.loads(sent[1].body) == {"template": "code-interpreter"}
        again = stand_in(says(503, coming))
        async with AsyncPandaStack(base_url=again.url) as other:
            with pytest.raises(PandaStackError) as caught:
                await other.sandboxes.create(template_timeout_seconds=0)
        assert (caught.value.code, len(again.requests)) == ("template.not_ready", 1)
