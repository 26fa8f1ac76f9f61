"""Sandboxes: what they are, use and may reach."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import Field

from ..network import NetworkPolicy
from .base import Model


class AttachedVolume(Model):
    """A volume that a sandbox has."""

    name: str
    path: str
    read_only: bool


class SandboxInfo(Model):
    """A sandbox, as of one answer."""

    id: str
    """20 characters of a-z and 0-9."""
    workspace: str
    template: str
    status: str
    """`creating`, `running`, `paused`, `stopping`, `hibernated`, `failed` or `deleted`."""
    reason: str | None = None
    """Why it has failed, or sleeps without its memory and will start from its disk."""
    cpu: int
    memory_mb: int
    disk_mb: int
    guest_ip: str
    host_tap: str
    mac: str
    vsock_cid: int
    metadata: dict[str, str]
    from_snapshot: str | None = None
    volumes: list[AttachedVolume] = Field(default_factory=list)
    boot_ms: int
    boot_mode: str
    """`cold`, `snapshot`, `fork` or `wake`."""
    runtime: str
    isolation: str
    """What stands between it and the host: `microvm-kvm`, `microvm-tcg`, `gvisor`."""
    persistent: bool
    network: NetworkPolicy
    egress_mbps: float | None
    ttl_seconds: int
    on_idle: str | None
    idle_timeout_seconds: int | None
    created_at: datetime
    last_activity_at: datetime
    expires_at: datetime | None


class LifecycleInfo(Model):
    """How long a sandbox has been idle, and when it expires."""

    ttl_seconds: int
    persistent: bool
    idle_seconds: int
    expires_at: datetime | None
    on_idle: str | None
    idle_timeout_seconds: int | None
    idles_at: datetime | None


class PromoteResult(Model):
    """What a promotion removed."""

    winner: str
    tree_id: str | None
    deleted: list[str]
    failures: dict[str, str]
    """Sandbox id → why it could not be deleted."""


class SnapshotInfo(Model):
    """Memory, devices and disk of a sandbox at one instant."""

    id: str
    workspace: str
    sandbox_id: str
    template: str
    runtime: str
    parent_snapshot_id: str | None
    parent_sandbox_id: str | None
    size_bytes: int
    unique_bytes: int | None
    cpu: int
    memory_mb: int
    mem_path: str
    state_path: str
    created_at: datetime


class NetworkCounters(Model):
    """Since a sandbox was created or woken; zeros while it does not run."""

    sent_packets: int
    sent_bytes: int
    received_packets: int
    received_bytes: int
    refused_packets: int


class RefusedConnection(Model):
    """Where a sandbox wanted to, and may not."""

    destination: str
    protocol: str
    port: int | None
    reason: str
    count: int
    last_at: datetime


class NetworkInfo(Model):
    """What a sandbox may reach, what it has sent, and what was refused."""

    network: NetworkPolicy
    egress_mbps: float | None
    counters: NetworkCounters
    refused: list[RefusedConnection]


class MetricsInfo(Model):
    """What a sandbox uses; zeros while it does not run."""

    pid: int
    uptime_seconds: int
    host_cpu_percent: float
    """Of one core, since it started."""
    host_cpu_seconds: float
    host_rss_bytes: int
    host_vsz_bytes: int
    threads: int
    network: NetworkCounters
    guest: dict[str, Any] | None
    """As the guest sees itself; None while it cannot be asked."""


class EventInfo(Model):
    """Something that happened to a sandbox."""

    id: int
    """Grows; `since` takes it."""
    time: datetime
    sandbox_id: str
    type: str
    message: str
    data: dict[str, Any]
