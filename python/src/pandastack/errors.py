"""Every failure of this package. Branch on `code`, or on the class: codes are never renamed; texts may change."""

from __future__ import annotations

import builtins
import json
from collections.abc import Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from .hints import HINTS

if TYPE_CHECKING:
    from .results import CommandResult


class PandaStackError(Exception):
    """What every failure of this package is."""

    message: str
    """What went wrong, for people."""
    code: str
    """`sandbox.not_found`, `sandbox.invalid_state`, … or `client.*` for what never reached the server."""
    status: int | None
    """HTTP status; None where there was no answer."""
    request_id: str | None
    """What to quote to the operator of the server."""
    retryable: bool
    """The same request may succeed later."""
    hint: str | None
    """What to do about it, where that is known."""
    details: Any
    """More facts, by code; `{"field": …}` of what was wrong with a request."""
    retry_after_seconds: float | None
    """How long to wait before asking again, as the server said in `Retry-After`."""

    def __init__(
        self,
        message: str,
        *,
        code: str = "client.error",
        status: int | None = None,
        request_id: str | None = None,
        retryable: bool = False,
        hint: str | None = None,
        details: Any = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.status = status
        self.request_id = request_id
        self.retryable = retryable
        self.hint = hint or HINTS.get(code)
        self.details = details
        self.retry_after_seconds = retry_after_seconds

    def __str__(self) -> str:
        text = f"{self.message} [{self.code}]"
        if self.hint:
            text += f"\nhint: {self.hint}"
        if self.request_id:
            text += f"\nrequest id: {self.request_id}"
        return text

    def __reduce__(self) -> Any:
        """So that it reaches another process as what it is."""
        return _restore, (type(self), self.message, self.__dict__)


def _restore(kind: type[PandaStackError], message: str, state: dict[str, Any]) -> PandaStackError:
    error = kind.__new__(kind)
    Exception.__init__(error, message)
    error.__dict__.update(state)
    return error


class AuthError(PandaStackError):
    """No token, a revoked one, or one that may not do this."""


class NotFoundError(PandaStackError):
    """No such sandbox, snapshot, file … or it belongs to someone else: the server says the same for both."""


class ConflictError(PandaStackError):
    """Not possible in the present state, such as a command in a paused sandbox."""


class InvalidRequestError(PandaStackError):
    """Something about the request was wrong; `details["field"]` says what, where it was a field."""


class CapacityError(PandaStackError):
    """More than the server or the workspace can take: memory, disk, sandboxes. `retryable` says whether waiting helps."""


class TimeoutError(PandaStackError, builtins.TimeoutError):
    """The command, or the request as a whole, took longer than its `timeout_seconds`."""


class ConnectionError(PandaStackError, builtins.ConnectionError):
    """The server could not be reached, or the connection broke before its answer ended."""


class CommandError(PandaStackError):
    """A command ended with another exit code than 0, and `check` was asked for."""

    result: CommandResult

    def __init__(self, command: str, result: CommandResult) -> None:
        said = "\n".join(result.stderr.strip().split("\n")[-5:])
        text = f"command exited with code {result.exit_code}: {command}"
        super().__init__(text + (f"\n{said}" if said else ""), code="client.command_failed")
        self.result = result


def class_of(status: int | None, code: str) -> type[PandaStackError]:
    """The class that a code belongs to; the status speaks where the code says nothing."""
    if code in ("exec.timeout", "client.timeout") or status == 504:
        return TimeoutError
    if code.startswith("auth.") or status == 401:
        return AuthError
    if code.startswith(("capacity.", "quota.")) or status == 507:
        return CapacityError
    if code.endswith(".not_found") and status in (None, 404):
        return NotFoundError
    if code in ("client.connection", "client.tls"):
        return ConnectionError
    by_status = {404: NotFoundError, 409: ConflictError, 400: InvalidRequestError, 413: InvalidRequestError}
    return by_status.get(status or 0, PandaStackError)


def error_of_body(
    body: object,
    *,
    status: int | None = None,
    request_id: str | None = None,
    retry_after_seconds: float | None = None,
    text: str | None = None,
) -> PandaStackError:
    """An error body, wherever it came: in an answer, in a frame of a stream, in a message of a socket."""
    fields: Mapping[str, Any] = body if isinstance(body, dict) else {}

    def text_of(name: str) -> str | None:
        value = fields.get(name)
        return value if isinstance(value, str) else None

    code = text_of("code") or ("client.error" if status is None else f"http.{status}")
    retryable = fields.get("retryable")
    return class_of(status, code)(
        text_of("error") or text or "the server failed without saying why",
        code=code,
        status=status,
        request_id=text_of("request_id") or request_id,
        retryable=retryable if isinstance(retryable, bool) else status in (429, 503),
        hint=text_of("hint"),
        details=fields.get("details"),
        retry_after_seconds=retry_after_seconds,
    )


def error_of_answer(status: int, headers: Mapping[str, str], body: bytes) -> PandaStackError:
    """The error that an answer other than 2xx stands for. `headers` by lower-case name."""
    text = body.decode("utf-8", "replace")
    retry_after = headers.get("retry-after")
    return error_of_body(
        parse_json(text),
        status=status,
        request_id=headers.get("x-request-id"),
        retry_after_seconds=None if retry_after is None else parse_retry_after(retry_after),
        text=text[:500] or f"the server answered {status}",
    )


def parse_retry_after(text: str, now: datetime | None = None) -> float | None:
    """Seconds or a date, as seconds from now."""
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        at = parsedate_to_datetime(text)
    except ValueError:
        return None
    at = at if at.tzinfo is not None else at.replace(tzinfo=timezone.utc)
    return max(0.0, (at - (now or datetime.now(timezone.utc))).total_seconds())


def parse_json(text: str) -> Any:
    """None where it is none."""
    try:
        return json.loads(text)
    except ValueError:
        return None
