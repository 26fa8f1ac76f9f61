/** The wire's own shapes, by the names that this SDK uses. Types only: nothing of the contract runs here. */
export type {
  FileInfo,
  Lifecycle as LifecycleInfo,
  PromoteReply as PromoteResult,
  Sandbox as SandboxInfo,
  SandboxState as SandboxStatus,
  Snapshot as SnapshotInfo,
  Template as TemplateInfo,
} from "@pandastack/contracts";
export type { ProcessInfo } from "@pandastack/contracts/host";
