"""What is sent."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, BinaryIO
from urllib.parse import quote

from .errors import InvalidRequestError

Json = dict[str, Any]


@dataclass(frozen=True)
class VolumeMount:
    """A volume that a new sandbox gets."""

    name: str
    path: str | None = None
    """Default: `/mnt/<name>`."""
    read_only: bool | None = None
    """What is on it now, beside whoever writes to it. Default: False, but for a snapshot of a volume."""


@dataclass(frozen=True)
class FormPart:
    """A part of a form: a text, or a file of a build's context."""

    name: str
    content: bytes | BinaryIO
    file_name: str | None = None
    """None: it is a text."""


def given(**fields: object) -> Json:
    """Those that were given."""
    return {name: value for name, value in fields.items() if value is not None}


def sandbox_path(sandbox_id: str) -> str:
    """Of one sandbox."""
    return f"/sandboxes/{segment(sandbox_id)}"


def segment(text: str) -> str:
    """One piece of a path. Nothing that would lead to another one."""
    if text in ("", ".", ".."):
        raise InvalidRequestError(f"{text!r} is no id or name", code="client.bad_name")
    return quote(text, safe="")


def key_or_new(idempotency_key: str | None) -> str:
    """Every call that makes something carries a key, so that a broken connection may be answered by asking again."""
    return idempotency_key or str(uuid.uuid4())


def command_body(
    command: str,
    *,
    timeout_seconds: float | None,
    cwd: str | None,
    env: Mapping[str, str] | None,
    user: str | None,
    tag: str | None,
) -> Json:
    """How a command runs."""
    return given(cmd=command, timeout_seconds=timeout_seconds or None, cwd=cwd, env=env, user=user, tag=tag)


ANSWER_GRACE_SECONDS = 30.0
"""A command's own limit, and this for the answer to come here after it."""


def wait_limit(timeout_seconds: float | None) -> float | None:
    """How long to wait for the end of a command here; None: as long as it takes."""
    return timeout_seconds + ANSWER_GRACE_SECONDS if timeout_seconds else None


class Unchanged(Enum):
    """Tells what was not said from what was said to be None."""

    UNCHANGED = "unchanged"


UNCHANGED = Unchanged.UNCHANGED
