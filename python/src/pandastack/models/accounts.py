"""Who asks, and who did what."""

from __future__ import annotations

from datetime import datetime

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
