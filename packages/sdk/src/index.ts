/**
 * The client of a PandaStack server: `Sandbox` for most, `PandaStack` for several servers or tokens at once.
 * @packageDocumentation
 */
export {
  Audit,
  type AuditOptions,
  type CreateTokenOptions,
  Tokens,
  type WorkspaceLimitsChange,
  Workspaces,
} from "./accounts.ts";
export { Hosts } from "./catalogue.ts";
export { PandaStack } from "./client.ts";
export {
  Code,
  type CodeLanguage,
  type ContextRunOptions,
  type CreateContextOptions,
  type RunCodeOptions,
} from "./code/code.ts";
export { CodeContext } from "./code/context.ts";
export type { CodeCallbacks, CodeEvent, CodeFailure, Execution } from "./code/execution.ts";
export { Command, type WaitOptions } from "./commands/command.ts";
export { Commands, type RunOptions, type StartOptions } from "./commands/commands.ts";
export type { CommandExit, CommandOutput } from "./commands/connection.ts";
export { Pty, type PtyOptions, Terminal } from "./commands/pty.ts";
export type { CommandOptions } from "./commands/request.ts";
export type { CommandEvent, CommandResult, OutputCallbacks } from "./commands/result.ts";
export { type ClientOptions, configPath, DEFAULT_BASE_URL } from "./config.ts";
export {
  AuthError,
  CapacityError,
  CommandError,
  ConflictError,
  ConnectionError,
  InvalidRequestError,
  NotFoundError,
  PandaStackError,
  type PandaStackErrorCode,
  TimeoutError,
} from "./errors/errors.ts";
export type { ClientErrorCode } from "./errors/hints.ts";
export { type FileContent, Files, type WriteOptions } from "./files/files.ts";
export type { TransferOptions, TransferProgress } from "./files/folders.ts";
export type { FileChange } from "./files/watch.ts";
export { type CloneOptions, Git, type GitAuthor, type GitOptions } from "./git/git.ts";
export type { GitChange, GitCommit, GitStatus } from "./git/output.ts";
export type { CreateOptions, VolumeMount } from "./sandbox/create.ts";
export type { EventOptions } from "./sandbox/events.ts";
export type { Candidate, Exploration, ExploreOptions, Outcome, Score } from "./sandbox/explore.ts";
export type { ForkOptions, ForkTreeOptions } from "./sandbox/fork.ts";
export type { LogOptions } from "./sandbox/logs.ts";
export type { PortConnection } from "./sandbox/port-connection.ts";
export { Ports, type PreviewLinkOptions } from "./sandbox/ports.ts";
export { type ListOptions, Sandbox, type Via } from "./sandbox/sandbox.ts";
export { Sandboxes } from "./sandbox/sandboxes.ts";
export { SandboxSnapshots, Snapshots } from "./sandbox/snapshots.ts";
export {
  type GlobResult,
  type GrepOptions,
  type GrepResult,
  Search,
  type SearchMatch,
  type SearchOptions,
} from "./search/search.ts";
export type { BakeOptions } from "./templates/bake.ts";
export { TemplateBuild } from "./templates/build.ts";
export { type Recipe, type RecipeStep, type StepSecret, Template } from "./templates/builder.ts";
export { TemplateNames } from "./templates/names.ts";
export { type BuildOptions, Templates } from "./templates/templates.ts";
export type { TemplateWaitOptions } from "./templates/wait.ts";
export type { CallOptions, CreationOptions } from "./transport/http.ts";
export { Listing } from "./transport/listing.ts";
export { Stream } from "./transport/stream.ts";
export type {
  AuditInfo,
  CodeContextInfo,
  CodeResultInfo,
  CreatedTokenInfo,
  ErrorCode,
  EventInfo,
  FileInfo,
  HostInfo,
  IsolationPolicy,
  LifecycleInfo,
  Me,
  MetricsInfo,
  NetworkInfo,
  NetworkPolicy,
  OnIdle,
  PortInfo,
  PreviewLink,
  ProcessInfo,
  PromoteResult,
  Role,
  SandboxInfo,
  SandboxStatus,
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
} from "./types.ts";
export { type CreateVolumeOptions, Volume, Volumes } from "./volumes.ts";
