"""The client of a PandaStack server: sandboxes that are microVMs.

`PandaStack` and `Sandbox` for programs that wait, `AsyncPandaStack` and `AsyncSandbox` for asyncio; both are the same otherwise.
"""

from ._async.accounts import AsyncAudit, AsyncTokens, AsyncWorkspaces
from ._async.builds import AsyncTemplateBuild
from ._async.client import AsyncPandaStack
from ._async.code import AsyncCode, AsyncCodeContext
from ._async.command import AsyncCommand
from ._async.commands import AsyncCommands
from ._async.explore import AsyncExploration, AsyncOutcome
from ._async.files import AsyncFiles
from ._async.git import AsyncGit
from ._async.hosts import AsyncHosts
from ._async.port_connection import AsyncPortConnection
from ._async.ports import AsyncPorts
from ._async.pty import AsyncPty, AsyncTerminal
from ._async.sandbox import AsyncSandbox
from ._async.sandboxes import AsyncSandboxes
from ._async.search import AsyncSearch
from ._async.snapshots import AsyncSandboxSnapshots, AsyncSnapshots
from ._async.stream import AsyncStream
from ._async.template_names import AsyncTemplateNames
from ._async.templates import AsyncTemplates
from ._async.volumes import AsyncVolume, AsyncVolumes
from ._sync.accounts import Audit, Tokens, Workspaces
from ._sync.builds import TemplateBuild
from ._sync.client import PandaStack
from ._sync.code import Code, CodeContext
from ._sync.command import Command
from ._sync.commands import Commands
from ._sync.explore import Exploration, Outcome
from ._sync.files import Files
from ._sync.git import Git
from ._sync.hosts import Hosts
from ._sync.port_connection import PortConnection
from ._sync.ports import Ports
from ._sync.pty import Pty, Terminal
from ._sync.sandbox import Sandbox
from ._sync.sandboxes import Sandboxes
from ._sync.search import Search
from ._sync.snapshots import SandboxSnapshots, Snapshots
from ._sync.stream import Stream
from ._sync.template_names import TemplateNames
from ._sync.templates import Templates
from ._sync.volumes import Volume, Volumes
from .build_context import RegistryCredentials
from .config import DEFAULT_BASE_URL, config_path
from .errors import (
    AuthError,
    CapacityError,
    CommandError,
    ConflictError,
    ConnectionError,
    InvalidRequestError,
    NotFoundError,
    PandaStackError,
    TimeoutError,
)
from .executions import CodeEvent, CodeFailure, Execution
from .findings import GlobResult, GrepResult, SearchMatch
from .models import (
    AttachedVolume,
    AuditInfo,
    CodeContextInfo,
    CodeResultInfo,
    CreatedTokenInfo,
    EventInfo,
    FileInfo,
    HostInfo,
    LifecycleInfo,
    Me,
    MetricsInfo,
    NetworkInfo,
    PortInfo,
    PreviewLink,
    ProcessInfo,
    PromoteResult,
    SandboxInfo,
    SnapshotInfo,
    TemplateBuildInfo,
    TemplateInfo,
    TemplateTagInfo,
    TemplateVersionInfo,
    TokenInfo,
    VolumeInfo,
    WorkspaceInfo,
    WorkspaceLimits,
    WorkspaceLimitsInfo,
    WorkspaceNetworkInfo,
    WorkspaceUsage,
)
from .network import EgressRules, NetworkPolicy
from .options import CreateOptions, ForkOptions, RunCodeOptions
from .recipes import StepSecret, Template
from .repositories import GitAuthor, GitChange, GitCommit, GitCredentials, GitStatus
from .requests import VolumeMount
from .results import (
    CommandCandidate,
    CommandEvent,
    CommandExit,
    CommandOutput,
    CommandResult,
    FileChange,
    TransferProgress,
)
from .version import __version__

__all__ = [
    "DEFAULT_BASE_URL",
    "AsyncAudit",
    "AsyncCode",
    "AsyncCodeContext",
    "AsyncCommand",
    "AsyncCommands",
    "AsyncExploration",
    "AsyncFiles",
    "AsyncGit",
    "AsyncHosts",
    "AsyncOutcome",
    "AsyncPandaStack",
    "AsyncPortConnection",
    "AsyncPorts",
    "AsyncPty",
    "AsyncSandbox",
    "AsyncSandboxSnapshots",
    "AsyncSandboxes",
    "AsyncSearch",
    "AsyncSnapshots",
    "AsyncStream",
    "AsyncTemplateBuild",
    "AsyncTemplateNames",
    "AsyncTemplates",
    "AsyncTerminal",
    "AsyncTokens",
    "AsyncVolume",
    "AsyncVolumes",
    "AsyncWorkspaces",
    "AttachedVolume",
    "Audit",
    "AuditInfo",
    "AuthError",
    "CapacityError",
    "Code",
    "CodeContext",
    "CodeContextInfo",
    "CodeEvent",
    "CodeFailure",
    "CodeResultInfo",
    "Command",
    "CommandCandidate",
    "CommandError",
    "CommandEvent",
    "CommandExit",
    "CommandOutput",
    "CommandResult",
    "Commands",
    "ConflictError",
    "ConnectionError",
    "CreateOptions",
    "CreatedTokenInfo",
    "EgressRules",
    "EventInfo",
    "Execution",
    "Exploration",
    "FileChange",
    "FileInfo",
    "Files",
    "ForkOptions",
    "Git",
    "GitAuthor",
    "GitChange",
    "GitCommit",
    "GitCredentials",
    "GitStatus",
    "GlobResult",
    "GrepResult",
    "HostInfo",
    "Hosts",
    "InvalidRequestError",
    "LifecycleInfo",
    "Me",
    "MetricsInfo",
    "NetworkInfo",
    "NetworkPolicy",
    "NotFoundError",
    "Outcome",
    "PandaStack",
    "PandaStackError",
    "PortConnection",
    "PortInfo",
    "Ports",
    "PreviewLink",
    "ProcessInfo",
    "PromoteResult",
    "Pty",
    "RegistryCredentials",
    "RunCodeOptions",
    "Sandbox",
    "SandboxInfo",
    "SandboxSnapshots",
    "Sandboxes",
    "Search",
    "SearchMatch",
    "SnapshotInfo",
    "Snapshots",
    "StepSecret",
    "Stream",
    "Template",
    "TemplateBuild",
    "TemplateBuildInfo",
    "TemplateInfo",
    "TemplateNames",
    "TemplateTagInfo",
    "TemplateVersionInfo",
    "Templates",
    "Terminal",
    "TimeoutError",
    "TokenInfo",
    "Tokens",
    "TransferProgress",
    "Volume",
    "VolumeInfo",
    "VolumeMount",
    "Volumes",
    "WorkspaceInfo",
    "WorkspaceLimits",
    "WorkspaceLimitsInfo",
    "WorkspaceNetworkInfo",
    "WorkspaceUsage",
    "Workspaces",
    "__version__",
    "config_path",
]
