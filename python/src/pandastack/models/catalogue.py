"""What sandboxes are made from, get, and run on."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from .base import Model


class TemplateInfo(Model):
    """What sandboxes can be made from."""

    name: str
    size_bytes: int
    cpu: int
    memory_mb: int
    disk_mb: int
    is_global: bool
    workspace: str | None = None
    """Whose it is; None: everyone's."""
    label: str | None = None
    description: str | None = None
    category: str | None = None
    base: str | None = None
    """The template that it was made from."""
    tools: list[str] = Field(default_factory=list)
    ports: list[str] = Field(default_factory=list)
    """That the image it is made of says it listens on: `8080/tcp`."""
    status: str
    """`available` (in the catalogue, not built here yet), `building`, `baking`, `ready` or `failed`."""
    runtimes: list[str]
    aliases: list[str]
    error: str | None = None
    version: str | None = None
    """Of what its name stands for now; `name@version` is this one for good."""
    tags: list[str] = Field(default_factory=list)
    published: bool = False
    """Whether other workspaces can use it, as `workspace/name`."""


class TemplateTagInfo(Model):
    """A tag of a template."""

    tag: str
    version: str
    updated_at: datetime


class TemplateVersionInfo(Model):
    """What one build of a template has made."""

    id: str
    """Its build's."""
    tags: list[str]
    base: str
    size_bytes: int
    cpu: int | None = None
    memory_mb: int
    disk_mb: int
    created_at: datetime


class TemplateBuildInfo(Model):
    """A build of a template: how far it is."""

    id: str
    name: str
    status: str
    """`queued`, `building`, `done` or `failed`."""
    error: str | None = None
    """Which step, and why."""
    step: int | None = None
    """The step that is done, or that failed; from 1."""
    steps: int
    cached_steps: int
    """Steps whose result was there already."""
    started_at: datetime
    ended_at: datetime | None = None
    size_mb: int
    bytes: int | None = None
    cpu: int | None = None
    memory_mb: int | None = None


class VolumeAttachment(Model):
    """A sandbox that has a volume."""

    sandbox_id: str
    path: str
    read_only: bool


class VolumeInfo(Model):
    """A disk that outlives sandboxes."""

    name: str
    size_mb: int
    size_bytes: int
    is_snapshot: bool
    attached_to: list[VolumeAttachment]
    created_at: datetime


class HostInfo(Model):
    """A machine that runs sandboxes. What else it tells is in `model_extra`."""

    id: str
    state: str
    ready: bool
    not_ready_reason: str | None
    runtimes: list[dict[str, Any]]
    cpus: int
    memory: dict[str, Any]
    pool: dict[str, Any]
    sandboxes: dict[str, Any]
