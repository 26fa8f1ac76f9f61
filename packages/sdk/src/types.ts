import type {
  CreatedToken,
  Me as MeShape,
  SandboxMetrics,
  Workspace,
  WorkspaceLimitsReply,
} from "@pandastack/contracts";

/** The wire's own shapes, by the names that this SDK uses. Types only: nothing of the contract runs here. */
export type {
  AuditEntry as AuditInfo,
  CodeContext as CodeContextInfo,
  CodeResult as CodeResultInfo,
  ErrorCode,
  Event as EventInfo,
  FileInfo,
  Host as HostInfo,
  IsolationPolicy,
  Lifecycle as LifecycleInfo,
  Network as NetworkPolicy,
  OnIdle,
  Port as PortInfo,
  PreviewToken as PreviewLink,
  PromoteReply as PromoteResult,
  Role,
  Sandbox as SandboxInfo,
  SandboxNetwork as NetworkInfo,
  SandboxState as SandboxStatus,
  Snapshot as SnapshotInfo,
  Template as TemplateInfo,
  TemplateBuild as TemplateBuildInfo,
  TemplateTagInfo,
  TemplateVersion as TemplateVersionInfo,
  Token as TokenInfo,
  Volume as VolumeInfo,
  WorkspaceLimits,
  WorkspaceNetwork as WorkspaceNetworkInfo,
} from "@pandastack/contracts";
export type { ProcessInfo } from "@pandastack/contracts/host";

type Read<S extends { _output: unknown }> = S["_output"];
export type CreatedTokenInfo = Read<typeof CreatedToken>;
export type Me = Read<typeof MeShape>;
export type MetricsInfo = Read<typeof SandboxMetrics>;
export type WorkspaceInfo = Read<typeof Workspace>;
export type WorkspaceLimitsInfo = Read<typeof WorkspaceLimitsReply>;
