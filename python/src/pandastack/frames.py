"""What is in a frame of an event stream."""

from __future__ import annotations

from typing import Any

from .errors import error_of_body, parse_json
from .models import bad_answer
from .sse import ServerEvent


def fields_of(frame: ServerEvent) -> dict[str, Any]:
    """Its JSON; what it says where it is an error is raised: the status is long sent when a stream fails."""
    value = parse_json(frame.data)
    if not isinstance(value, dict):
        raise bad_answer(f"a frame {frame.event!r} without an object")
    if frame.event == "error" or "error" in value:
        raise error_of_body(value)
    return value
