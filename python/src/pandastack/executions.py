"""What running code says."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .errors import TimeoutError, error_of_body
from .models import CodeResultInfo, parse
from .results import OUTPUT_LIMIT_CHARACTERS


@dataclass(frozen=True)
class CodeFailure:
    """Why code ended before its end."""

    name: str
    value: str
    traceback: str


@dataclass(frozen=True)
class CodeEvent:
    """What running code says. The last one is its `end`."""

    type: str
    """`started`, `stdout`, `stderr`, `result`, `error` or `end`."""
    text: str = ""
    result: CodeResultInfo | None = None
    error: CodeFailure | None = None
    context_id: str = ""
    execution_count: int = 0
    exit_code: int | None = None
    duration_ms: float = 0


@dataclass
class Execution:
    """A cell that has ended, well or not."""

    results: list[CodeResultInfo] = field(default_factory=list)
    """What it displayed, and last the value of its last expression (`is_main_result`)."""
    stdout: str = ""
    stderr: str = ""
    error: CodeFailure | None = None
    """None: it ended well."""
    exit_code: int = -1
    """0: no error. In bash, of the last command."""
    text: str | None = None
    """The value of the last expression, as text."""
    execution_count: int = 0
    context_id: str = ""
    duration_ms: float = 0


@dataclass(frozen=True)
class CodeCallbacks:
    """For those who would rather be called while it runs."""

    on_stdout: Callable[[str], object] | None = None
    on_stderr: Callable[[str], object] | None = None
    on_result: Callable[[CodeResultInfo], object] | None = None
    on_error: Callable[[CodeFailure], object] | None = None

    def take(self, execution: Execution, event: CodeEvent) -> None:
        """Keeps one more event, and passes it on."""
        if event.type in ("stdout", "stderr"):
            kept: str = getattr(execution, event.type)
            setattr(execution, event.type, kept + event.text[: max(0, OUTPUT_LIMIT_CHARACTERS - len(kept))])
            callback = self.on_stdout if event.type == "stdout" else self.on_stderr
            if callback is not None:
                callback(event.text)
        elif event.result is not None:
            execution.results.append(event.result)
            if event.result.is_main_result:
                execution.text = event.result.text
            if self.on_result is not None:
                self.on_result(event.result)
        elif event.error is not None:
            execution.error = event.error
            if self.on_error is not None:
                self.on_error(event.error)
        elif event.type == "started":
            execution.context_id, execution.execution_count = event.context_id, event.execution_count
        elif event.exit_code is not None:
            execution.exit_code, execution.duration_ms = event.exit_code, event.duration_ms


class CodeEventParser:
    """Cuts what the server sends, in any pieces, into events."""

    def __init__(self) -> None:
        self._pending: list[bytes] = []

    def push(self, piece: bytes) -> Iterator[CodeEvent]:
        """The events that end in this piece."""
        *lines, last = piece.split(b"\n")
        for line in lines:
            whole = b"".join([*self._pending, line])
            self._pending = []
            event = _event_of(json.loads(whole))
            if event is not None:
                yield event
        if last:
            self._pending.append(last)


def _event_of(message: Mapping[str, Any]) -> CodeEvent | None:
    kind = message["type"]
    if kind == "failed":
        raise error_of_body(dict(message))
    if kind == "end_of_execution" and message["timed_out"]:
        raise TimeoutError(
            "the code ran into its time limit and was interrupted; its context stays", code="exec.timeout"
        )
    if kind == "number_of_executions":
        return CodeEvent("started", context_id=message["context_id"], execution_count=message["execution_count"])
    if kind in ("stdout", "stderr"):
        return CodeEvent(kind, text=message["text"])
    if kind == "result":
        shown = {name: value for name, value in message.items() if name != "type"}
        return CodeEvent("result", result=parse(CodeResultInfo, shown))
    if kind == "error":
        return CodeEvent("error", error=CodeFailure(message["name"], message["value"], message["traceback"]))
    if kind == "end_of_execution":
        return CodeEvent("end", exit_code=message["exit_code"], duration_ms=message["duration_ms"])
    return None
