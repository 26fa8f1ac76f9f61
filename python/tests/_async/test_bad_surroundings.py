"""What is wrong around the client is said so that a person can mend it."""

from __future__ import annotations

import ssl
import subprocess
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from pathlib import Path

import pytest
from local_shell import CutOff
from running_server import StandIn, begins, hangs_up, says

from pandastack import AsyncPandaStack, AuthError, ConnectionError, PandaStackError
from pandastack._async import answer as answers
from pandastack._async.commands import AsyncCommands
from pandastack._async.history import follow_events

pytestmark = pytest.mark.anyio

Start = Callable[..., StandIn]
SANDBOX = f"/sandboxes/{'a' * 20}"


async def failure_of(base_url: str, api_key: str = "pds_x", tls: ssl.SSLContext | None = None) -> PandaStackError:
    async with AsyncPandaStack(api_key, base_url=base_url, timeout_seconds=5, ssl_context=tls) as panda:
        with pytest.raises(PandaStackError) as caught:
            await panda.sandboxes.create()
    return caught.value


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    key, cert = tmp_path / "key", tmp_path / "cert"
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    command = ["openssl", "req", *made, *names, "-keyout", str(key), "-out", str(cert)]
    subprocess.run(command, check=True, capture_output=True)
    return key, cert


async def test_a_certificate_that_nobody_vouches_for(stand_in: Start, certificate: tuple[Path, Path]) -> None:
    key, cert = certificate
    server = stand_in(says(200, []), tls=(cert, key))
    error = await failure_of(server.url)
    assert (error.code, error.retryable) == ("client.tls", False)
    assert "SSL_CERT_FILE" in str(error)
    # Whoever has the certificate says so.
    trusting = ssl.create_default_context(cafile=str(cert))
    async with AsyncPandaStack("pds_x", base_url=server.url, ssl_context=trusting) as panda:
        assert await panda.sandboxes.list() == []
    # And the other way round: plain text to a port that wants TLS.
    assert (await failure_of(server.url.replace("https:", "http:"))).code.startswith("client.")


async def test_https_to_a_server_without(stand_in: Start) -> None:
    error = await failure_of(stand_in(says(200, {})).url.replace("http:", "https:"))
    assert (error.code, error.retryable) == ("client.tls", False)
    assert "http://" in str(error)


async def test_a_token_that_is_missing_or_wrong(stand_in: Start) -> None:
    for code in ("auth.missing_token", "auth.invalid_token"):
        error = await failure_of(stand_in(says(401, {"error": "no", "code": code})).url)
        assert isinstance(error, AuthError)
        assert "PANDASTACK_API_KEY" in str(error)


async def test_a_clock_that_is_wrong_makes_nobody_wait(stand_in: Start) -> None:
    later = {"error": "later", "code": "host.unavailable", "retryable": True}
    tomorrow = format_datetime(datetime.now(timezone.utc) + timedelta(days=1), usegmt=True)
    yesterday = format_datetime(datetime.now(timezone.utc) - timedelta(days=1), usegmt=True)
    server = stand_in(says(503, later, {"retry-after": tomorrow}))
    began = time.monotonic()
    assert (await failure_of(server.url)).code == "host.unavailable"
    assert len(server.requests) == 1
    other = stand_in(says(503, later, {"retry-after": yesterday}), says(200, []))
    async with AsyncPandaStack("pds_x", base_url=other.url) as panda:
        assert await panda.sandboxes.list() == []
    assert time.monotonic() - began < 30


async def test_a_server_that_goes_while_events_are_followed_is_joined_again_and_nothing_is_missed(
    stand_in: Start,
) -> None:
    def event(number: int) -> str:
        fields = f'"id":{number},"time":"2026-01-01T00:00:00Z","sandbox_id":"x","type":"t","message":"m","data":{{}}'
        return f"data: {{{fields}}}\n\n"

    gone = says(404, {"error": "gone", "code": "sandbox.not_found", "retryable": False})
    server = stand_in(
        begins("text/event-stream", event(1) + event(2)), hangs_up, begins("text/event-stream", event(3)), gone
    )
    async with AsyncPandaStack("pds_x", base_url=server.url) as panda:
        events = follow_events(panda.http, f"{SANDBOX}/events", None, 10, None)
        assert [each.id async for each in events] == [1, 2, 3]
    asked = [request.path.split("?")[1] for request in server.requests]
    assert asked == ["follow=true&tail=10", *["follow=true&since=2"] * 2, "follow=true&since=3"]


async def test_a_proxy_that_cuts_a_quiet_connection_leaves_the_command_to_be_joined_again() -> None:
    server = CutOff()
    async with AsyncPandaStack("pds_x", base_url=server.url) as panda:
        command = await AsyncCommands(panda.http, SANDBOX).start("make", stdin=True)
        with pytest.raises(ConnectionError) as caught:
            await command.wait()
        assert caught.value.details == {"command_id": "p1"}
        assert 'commands.connect("p1")' in str(caught.value)
        # The same handle joins it anew.
        result = await command.wait()
    assert (result.exit_code, result.stdout) == (0, "rest\n")
    server.close()


async def test_a_stream_without_a_heartbeat_is_dead(stand_in: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "SILENCE_LIMIT_SECONDS", 0.2)
    frame = 'event: stdout\ndata: {"chunk":"part"}\n\n'
    server = stand_in(begins("text/event-stream", frame, {"x-pandastack-process": "p1"}, then_waits=10.0))
    async with AsyncPandaStack("pds_x", base_url=server.url) as panda:
        began = time.monotonic()
        with pytest.raises(ConnectionError, match="p1"):
            await AsyncCommands(panda.http, SANDBOX).run("make")
        assert time.monotonic() - began < 8
