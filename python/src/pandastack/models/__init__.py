"""What the server tells: data, frozen. Fields that a newer server adds are kept, and read as attributes too."""

from .accounts import AuditInfo, CreatedTokenInfo, IsolationInfo, Me, TokenInfo, WorkspaceInfo
from .base import AnyModel, Model, bad_answer, parse, parse_list
from .catalogue import HostInfo, TemplateBuildInfo, TemplateInfo, VolumeAttachment, VolumeInfo
from .contents import CodeContextInfo, CodeResultInfo, FileInfo, PortInfo, PreviewLink, ProcessInfo
from .sandboxes import (
    AttachedVolume,
    EventInfo,
    LifecycleInfo,
    MetricsInfo,
    NetworkCounters,
    NetworkInfo,
    PromoteResult,
    RefusedConnection,
    SandboxInfo,
    SnapshotInfo,
)

__all__ = [
    "AnyModel",
    "AttachedVolume",
    "AuditInfo",
    "CodeContextInfo",
    "CodeResultInfo",
    "CreatedTokenInfo",
    "EventInfo",
    "FileInfo",
    "HostInfo",
    "IsolationInfo",
    "LifecycleInfo",
    "Me",
    "MetricsInfo",
    "Model",
    "NetworkCounters",
    "NetworkInfo",
    "PortInfo",
    "PreviewLink",
    "ProcessInfo",
    "PromoteResult",
    "RefusedConnection",
    "SandboxInfo",
    "SnapshotInfo",
    "TemplateBuildInfo",
    "TemplateInfo",
    "TokenInfo",
    "VolumeAttachment",
    "VolumeInfo",
    "WorkspaceInfo",
    "bad_answer",
    "parse",
    "parse_list",
]
