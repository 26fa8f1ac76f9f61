export { PandaStack } from "./client.ts";
export type { CommandEvent, CommandOptions, CommandResult, RunOptions } from "./commands.ts";
export { type ClientOptions, configPath, DEFAULT_API_URL } from "./config.ts";
export {
  AuthError,
  CommandError,
  ConflictError,
  ConnectionError,
  NotFoundError,
  PandaStackError,
  TimeoutError,
} from "./errors.ts";
export type { FileContent, WriteOptions } from "./files.ts";
export type { ForkOptions, ForkTreeOptions } from "./fork.ts";
export type { CallOptions } from "./http.ts";
export type { LogOptions } from "./logs.ts";
export type { Process, ProcessExit, ProcessOutput } from "./process.ts";
export type { ProcessOptions } from "./processes.ts";
export type { PtyOptions } from "./pty.ts";
export { type CreateOptions, Sandbox } from "./sandbox.ts";
export type {
  FileInfo,
  LifecycleInfo,
  ProcessInfo,
  PromoteResult,
  SandboxInfo,
  SandboxStatus,
  SnapshotInfo,
  TemplateInfo,
} from "./types.ts";
export type { FileChange } from "./watch.ts";
