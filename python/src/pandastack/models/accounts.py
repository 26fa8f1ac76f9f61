"""Who asks, and who did what."""

from __future__ import annotations

from datetime import datetime

from ..network import NetworkPolicy
from .base import Model


class Me(Model):
    """Who a client is."""

    workspace: str
    role: str
    token_prefix: str


class TokenInfo(Model):
    """A token, without its secret."""

    prefix: str
    label: str | None = None
    role: str
    workspace: str
    created_at: datetime
    expires_at: datetime | None


class CreatedTokenInfo(TokenInfo):
    """A new token. The whole of it is here and nowhere else."""

    token: str


class WorkspaceInfo(Model):
    """What sandboxes, snapshots and tokens belong to."""

    slug: str
    name: str
    created_at: datetime


class WorkspaceLimits(Model):
    """What a workspace may have."""

    sandboxes: int
    """In any state."""
    running_sandboxes: int
    """With a machine: running, paused, or being created."""
    snapshots: int
    streams: int
    """Streams and sockets that are open at a time, on each control plane."""
    processes: int
    """Commands and terminals that are waited for at a time, on each control plane."""
    body_bytes: int
    """Largest JSON body."""
    output_bytes: int
    """What a command's answer keeps of each stream."""


class WorkspaceUsage(Model):
    """What a workspace has; streams and processes on the control plane that answers."""

    sandboxes: int
    running_sandboxes: int
    snapshots: int
    streams: int
    processes: int


class WorkspaceLimitsInfo(Model):
    """What a workspace may have, and what it has."""

    workspace: str
    limits: WorkspaceLimits
    defaults: WorkspaceLimits
    """What counts where nothing was set for the workspace."""
    usage: WorkspaceUsage


class WorkspaceNetworkInfo(Model):
    """What a workspace's sandboxes may reach."""

    default: NetworkPolicy | None
    """Of those that are created without saying; None: the ceiling, else open."""
    ceiling: NetworkPolicy | None
    """The most that one can be given; None: no limit but the operator's."""


class IsolationInfo(Model):
    """What has to isolate a workspace's sandboxes."""

    isolation: str


class AuditInfo(Model):
    """Something that somebody did."""

    id: int
    ts: datetime
    actor: str
    role: str
    workspace: str
    operation: str
    method: str
    path: str
    target: str | None
    request_id: str
    status: int
    code: str | None
