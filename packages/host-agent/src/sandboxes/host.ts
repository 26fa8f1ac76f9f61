import type {
  ExportRootRequest,
  HostCommand,
  HostEvent,
  HostInfo,
  HostNetworkFigures,
  HostOperation,
  HostResults,
  HostRoot,
  HostSandbox,
  HostSnapshot,
  HostUse,
  HostVolume,
  PreparedTemplate,
  PrepareTemplateRequest,
} from "@pandastack/contracts/host";
import type { Guest } from "../guest/guest.ts";
import type { ImportedRoots } from "../templates/imported-roots.ts";

/** What the host agent can do, without HTTP. `http/` serves it; the conformance suite drives it directly. */
export interface SandboxHost {
  /** Resolves once templates are baked and slots are there. */
  ready(): Promise<void>;
  info(): Promise<HostInfo>;
  /** Repeatable by operation id. Commands for one sandbox run one after the other, in order of arrival. */
  execute<C extends HostCommand>(operation: HostOperation & { command: C }): Promise<HostResults[C["name"]]>;
  sandboxes(): HostSandbox[];
  sandbox(id: string): HostSandbox;
  snapshots(): HostSnapshot[];
  volumes(): HostVolume[];
  /** The inside of a running sandbox; refuses with `sandbox.invalid_state` when it does not run. */
  guest(sandboxId: string): Promise<Guest>;
  /** What it was given, over what its commands have anyway. */
  environment(sandboxId: string): Readonly<Record<string, string>>;
  /** What its slot has sent, received and refused; zeros while it has none. */
  network(sandboxId: string): Promise<HostNetworkFigures>;
  /** Whether somebody uses it, and since when its network is silent. */
  use(sandboxId: string): HostUse;
  consoleLog(sandboxId: string): Promise<string>;
  /** The same, at once and even if it is nothing, then what is written to it, as it comes; ends with the machine. */
  followConsole(sandboxId: string, signal: AbortSignal): AsyncGenerator<string>;
  usage(sandboxId: string): Promise<{ pid: number; rssBytes: number; cpuMs: number }>;
  /** Root file systems that are taken out of sandboxes. */
  exportRoot(request: ExportRootRequest): HostRoot;
  /** Images that root file systems are made of. */
  readonly images: ImportedRoots;
  root(key: string): HostRoot;
  /** Keys of those that this server uses. */
  roots(): string[];
  releaseRoot(key: string): void;
  /** Makes a template's variant, as far as that takes no time, and says how far it is. */
  prepareTemplate(request: PrepareTemplateRequest): Promise<PreparedTemplate>;
  events(after: number): HostEvent[];
  onEvent(listener: (event: HostEvent) => void): () => void;
  /** `leave`: machines live on for the next agent. `hibernate`: all running sandboxes are hibernated, nothing is left running or mounted. */
  close(how: "leave" | "hibernate"): Promise<void>;
}
