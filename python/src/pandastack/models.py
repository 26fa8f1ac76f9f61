"""What the server tells: data, frozen. Fields that a newer server adds are kept, and read as attributes too.

Words that a server chooses from (`status`, `runtime`, …) are plain text: a newer one may have more of them.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from .errors import ConnectionError
from .network import NetworkPolicy


class Model(BaseModel):
    """What all of them are."""

    model_config = ConfigDict(frozen=True, extra="allow")


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
    volumes: list[AttachedVolume] = []
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


class TemplateInfo(Model):
    """What sandboxes can be made from."""

    name: str
    size_bytes: int
    cpu: int
    memory_mb: int
    disk_mb: int
    is_global: bool
    status: str
    """`baking`, `ready` or `failed`."""
    runtimes: list[str]
    aliases: list[str]
    error: str | None = None


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


AnyModel = TypeVar("AnyModel", bound=Model)


def parse(model: type[AnyModel], value: object) -> AnyModel:
    """An answer as what it should be."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise bad_answer(f"{model.__name__} has {error.error_count()} wrong fields") from error


def parse_list(model: type[AnyModel], value: object) -> list[AnyModel]:
    """An answer that is a list of them."""
    if not isinstance(value, list):
        raise bad_answer("it is no list")
    return [parse(model, item) for item in value]


def bad_answer(what: str) -> ConnectionError:
    """Whoever answered is no PandaStack server, or of an age that this client does not understand."""
    return ConnectionError(f"the server's answer makes no sense: {what}", code="client.bad_answer")
