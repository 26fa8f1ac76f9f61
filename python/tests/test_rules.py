"""What needs no server: configuration, errors, when to ask again, frames."""

from __future__ import annotations

import builtins
import json
import pickle
import ssl
from datetime import datetime, timezone
from pathlib import Path

import pytest

import pandastack
from pandastack.config import config_path, resolve_config
from pandastack.errors import (
    AuthError,
    CapacityError,
    CommandError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    PandaStackError,
    class_of,
    error_of_answer,
    error_of_body,
    parse_retry_after,
)
from pandastack.faults import connection_error
from pandastack.requests import segment
from pandastack.results import CommandResult, OutputCollector
from pandastack.retry import MAX_ATTEMPTS, pause_before
from pandastack.sse import ServerEvent, ServerEventParser


def test_arguments_go_before_the_environment_and_that_before_the_file(tmp_path: Path) -> None:
    env = {"XDG_CONFIG_HOME": str(tmp_path)}
    assert resolve_config(env=env).base_url == "http://127.0.0.1:8080"
    assert resolve_config(env=env).api_key is None
    (tmp_path / "pandastack").mkdir()
    config_path(env).write_text(json.dumps({"api_url": "http://file/v1/", "token": "pds_file"}))
    assert resolve_config(env=env).base_url == "http://file"
    assert resolve_config(env=env).api_key == "pds_file"
    older = {**env, "PANDASTACK_API": "http://older", "PANDASTACK_TOKEN": "pds_older"}
    assert (resolve_config(env=older).base_url, resolve_config(env=older).api_key) == ("http://older", "pds_older")
    newer = {**older, "PANDASTACK_API_URL": "http://newer", "PANDASTACK_API_KEY": "pds_newer"}
    assert (resolve_config(env=newer).base_url, resolve_config(env=newer).api_key) == ("http://newer", "pds_newer")
    given = resolve_config("pds_given", "http://given/", 5, env=newer)
    assert (given.base_url, given.api_key, given.timeout_seconds) == ("http://given", "pds_given", 5)
    assert "pds_given" not in repr(given)
    config_path(env).write_text("not json")
    assert resolve_config(env=env).api_key is None


def test_knows_what_hosts_of_previews_end_in() -> None:
    def host(base_url: str, preview_host: str | None = None, **env: str) -> str:
        return resolve_config(
            base_url=base_url, preview_host=preview_host, env={"HOME": "/nowhere", **env}
        ).preview_host

    assert host("http://127.0.0.1:8080") == "localhost:8080"
    assert host("http://[::1]:8080") == "localhost:8080"
    assert host("http://localhost") == "localhost"
    assert host("https://api.example.com") == "example.com"
    assert host("https://panda.example.com:8443/v1") == "panda.example.com:8443"
    assert host("https://api.example.com", PANDASTACK_PREVIEW_HOST="p.example") == "p.example"
    assert host("https://api.example.com", "given.example", PANDASTACK_PREVIEW_HOST="p.example") == "given.example"


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (504, "exec.timeout", pandastack.TimeoutError),
        (401, "auth.invalid_token", AuthError),
        (403, "auth.forbidden", AuthError),
        (429, "capacity.unavailable", CapacityError),
        (507, "internal.database_full", CapacityError),
        (404, "sandbox.not_found", NotFoundError),
        (400, "template.not_found", InvalidRequestError),
        (409, "sandbox.invalid_state", ConflictError),
        (413, "validation.body_too_large", InvalidRequestError),
        (None, "client.connection", pandastack.ConnectionError),
        (500, "internal.error", PandaStackError),
    ],
)
def test_a_code_has_a_class(status: int | None, code: str, kind: type[PandaStackError]) -> None:
    assert class_of(status, code) is kind


def test_an_error_says_all_that_is_known_of_it() -> None:
    body = {"error": "gone", "code": "sandbox.not_found", "retryable": False, "request_id": "r1", "details": {"a": 1}}
    error = error_of_answer(404, {}, json.dumps(body).encode())
    assert (error.code, error.status, error.request_id, error.details) == ("sandbox.not_found", 404, "r1", {"a": 1})
    assert str(error).split("\n")[0] == "gone [sandbox.not_found]"
    assert "request id: r1" in str(error)
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again.code, again.hint, str(again)) == (NotFoundError, error.code, error.hint, str(error))
    other = error_of_answer(502, {"x-request-id": "r2"}, b"<html>bad gateway</html>")
    assert (other.code, other.request_id, other.message) == ("http.502", "r2", "<html>bad gateway</html>")
    assert error_of_answer(503, {"retry-after": "2"}, b"").retryable
    assert error_of_body("nonsense").message == "the server failed without saying why"


def test_errors_are_what_python_calls_them_too() -> None:
    late = pandastack.TimeoutError("late", code="exec.timeout")
    assert isinstance(late, builtins.TimeoutError)
    assert str(late).startswith("late [exec.timeout]")
    assert isinstance(pandastack.ConnectionError("away"), builtins.ConnectionError)
    failed = pickle.loads(pickle.dumps(CommandError("false", CommandResult(1, "", "why\n"))))
    assert failed.result == CommandResult(1, "", "why\n")


def test_asks_again_only_where_that_helps_and_does_no_harm() -> None:
    fault = PandaStackError("away", retryable=True, status=503)
    assert pause_before(1, fault, False) is None
    assert pause_before(1, PandaStackError("no"), True) is None
    assert pause_before(1, ValueError(), True) is None
    assert pause_before(MAX_ATTEMPTS, fault, True) is None
    assert [pause_before(attempt, fault, True, 1) for attempt in (1, 2, 3)] == [0.25, 0.5, 1]
    assert pause_before(1, fault, True, 0) == 0.125
    busy = PandaStackError("full", retryable=True, status=429, retry_after_seconds=4)
    assert [pause_before(1, busy, False, chance) for chance in (0, 1)] == [4, 5]


def test_reads_seconds_and_dates() -> None:
    now = datetime(2026, 1, 1, tzinfo=timezone.utc)
    assert parse_retry_after("1.5") == 1.5
    assert parse_retry_after("-3") == 0
    assert parse_retry_after("Thu, 01 Jan 2026 00:00:07 GMT", now) == 7
    assert parse_retry_after("Wed, 31 Dec 2025 00:00:00 GMT", now) == 0
    assert parse_retry_after("soon") is None


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_frames_are_the_same_in_any_chunking(end: str) -> None:
    lines = [": heartbeat", "", "event: stdout", 'data: {"chunk":"grün"}', "", "data:one", "data: two", "", "data: cut"]
    text = end.join(lines).encode()
    wanted = [ServerEvent("stdout", '{"chunk":"grün"}'), ServerEvent("message", "one\ntwo")]
    for size in (1, 2, 3, 7, len(text)):
        parser = ServerEventParser()
        chunks = [text[at : at + size] for at in range(0, len(text), size)]
        assert [frame for chunk in chunks for frame in parser.push(chunk)] == wanted


def test_output_is_kept_up_to_a_limit_and_passed_on_whole() -> None:
    seen: list[str] = []
    collector = OutputCollector(seen.append, None, limit_characters=5)
    for piece in ("abc", "def", "ghi"):
        collector.add("stdout", piece)
    assert collector.result(0) == CommandResult(0, "abcde", "", True)
    assert seen == ["abc", "def", "ghi"]


def test_a_piece_of_a_path_leads_nowhere_else() -> None:
    assert segment("a/../b?c#d") == "a%2F..%2Fb%3Fc%23d"
    for text in ("", ".", ".."):
        with pytest.raises(InvalidRequestError):
            segment(text)


def test_trusts_the_system_and_says_so_about_certificates() -> None:
    from pandastack._sync.http import Http

    assert Http(resolve_config(base_url="http://x")).tls is None
    tls = Http(resolve_config(base_url="https://x")).tls
    assert tls is not None
    assert tls.verify_mode is ssl.CERT_REQUIRED
    error = connection_error("https://x", Exception("[SSL: CERTIFICATE_VERIFY_FAILED]"))
    assert (error.code, error.retryable, "SSL_CERT_FILE" in str(error)) == ("client.tls", False, True)


@pytest.mark.parametrize(
    ("reason", "code", "hint"),
    [
        ("[Errno -2] Name or service not known", "client.connection", "no host of this name"),
        ("[Errno 111] Connection refused", "client.connection", "is the server running"),
        ("certificate verify failed: certificate has expired [SSL: CERTIFICATE_VERIFY_FAILED]", "client.tls", "clock"),
        (
            "[SSL: CERTIFICATE_VERIFY_FAILED] Hostname mismatch, certificate is not valid",
            "client.tls",
            "another host's",
        ),
        ("[SSL: WRONG_VERSION_NUMBER] wrong version number", "client.tls", "http://"),
        ("[SSL: UNEXPECTED_EOF_WHILE_READING] EOF occurred", "client.connection", "is the server running"),
    ],
)
def test_a_reason_that_says_what_to_do_is_understood(reason: str, code: str, hint: str) -> None:
    error = connection_error("https://x", Exception(reason))
    assert error.code == code
    assert hint in str(error.hint)
