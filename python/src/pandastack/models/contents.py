"""What is in a sandbox: files, processes, ports, code."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from .base import Model


class FileInfo(Model):
    """A file or folder of a sandbox."""

    name: str
    path: str
    is_dir: bool
    type: str
    """`file`, `dir`, `symlink`, `char`, `block`, `fifo` or `socket`."""
    size: int
    mode: str
    """As `ls -l` shows it: `-rw-r--r--`."""
    mtime: int
    """Seconds since 1970."""
    uid: int
    gid: int
    user: str
    group: str
    symlink_target: str | None


class ProcessInfo(Model):
    """A process that was started through the API."""

    id: str
    pid: int
    argv: list[str] | None
    shell: str | None
    cwd: str
    user: str
    tag: str | None
    pty: bool
    stdin: bool
    running: bool
    exit_code: int | None
    started_at_ms: float


class PortInfo(Model):
    """A TCP port of a sandbox."""

    port: int
    label: str | None = None
    listening: bool
    source: str
    public: bool
    process: str | None = None
    proxy_url: str
    """Needs the API token."""
    preview_url: str
    """Its own host name. Private unless `public`."""


class PreviewLink(Model):
    """A signed link to a port, for people without a token."""

    url: str
    host_url: str
    token: str
    sandbox_id: str
    port: int
    paths: list[str]
    expires_at: datetime


class CodeResultInfo(Model):
    """What one cell showed, by kind."""

    is_main_result: bool
    """Whether it is the value of the last expression; else it was displayed."""
    text: str | None = None
    html: str | None = None
    markdown: str | None = None
    svg: str | None = None
    png: str | None = None
    """base64"""
    jpeg: str | None = None
    """base64"""
    pdf: str | None = None
    """base64"""
    latex: str | None = None
    # Not `json`: that is a method of every model.
    json_value: Any = Field(default=None, alias="json")
    javascript: str | None = None
    data: dict[str, list[Any]] | None = None
    """A table's columns."""
    chart: dict[str, Any] | None = None
    """What a figure shows, as numbers."""
    extra: dict[str, Any] | None = None
    """Others, by media type."""


class CodeContextInfo(Model):
    """A context that code runs in."""

    id: str
    language: str
    cwd: str
    user: str
    created_at: datetime
    executions: int
    busy: bool
    pid: int | None
    """Of its kernel, inside; None until it is started again after its death."""
