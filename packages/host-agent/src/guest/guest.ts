import type { Duplex, Readable } from "node:stream";
import type { ExecRequest, ExecResult, FileEntry, FsOperation, ProcessInfo } from "@pandastack/contracts/host";

/** One thing that a running command says, in order. */
export type ProcessEvent =
  | { readonly kind: "started"; readonly id: string; readonly pid: number }
  | { readonly kind: "replay"; readonly stdoutBytes: number; readonly stderrBytes: number }
  | { readonly kind: "stdout" | "stderr"; readonly data: Buffer }
  | { readonly kind: "result"; readonly result: ExecResult }
  /** A detached command: it goes on without this stream. */
  | { readonly kind: "detached"; readonly id: string; readonly pid: number };

/**
 * A command running in the guest, seen from here. Iterate it to its end or `release` it; output waits in the guest
 * (credit) while nobody reads.
 */
export interface GuestProcess extends AsyncIterable<ProcessEvent> {
  /** Resolves when the guest has taken the bytes into its window: await it for backpressure. */
  writeStdin(data: Uint8Array): Promise<void>;
  endStdin(): void;
  signal(name: string): void;
  resize(size: { rows: number; cols: number }): void;
  /** Loses interest. `kill` ends the process group, else it goes on as if detached. */
  release(options: { kill: boolean }): void;
}

export interface WatchEvent {
  readonly event: "ready" | "change" | "overflow";
  readonly kind?: "create" | "write" | "remove" | "rename" | "chmod";
  readonly path?: string;
  readonly from?: string;
  readonly is_dir?: boolean;
}

export interface GuestMetrics {
  cpu_ms: number;
  cpus: number;
  memory_total_bytes: number;
  memory_available_bytes: number;
  disk_total_bytes: number;
  disk_used_bytes: number;
  processes: number;
  load1: number;
  uptime_ms: number;
}

export interface GuestPort {
  port: number;
  address: string;
  pid: number | null;
  process: string | null;
}

/** Everything that can be asked of the inside of a sandbox. Failures are `Refusal`s with codes of the registry. */
export interface Guest {
  exec(request: ExecRequest): GuestProcess;
  attach(options: { id: string; replay?: boolean }): GuestProcess;
  processes(): Promise<ProcessInfo[]>;
  signal(target: { id?: string; pid?: number; signal: string }): Promise<void>;

  /** The entry, and the content as a stream with backpressure into the guest. */
  readFile(options: { path: string; offset?: number; length?: number }): Promise<{ entry: FileEntry; body: Readable }>;
  writeFile(
    options: { path: string; user?: string; mode?: number; append?: boolean; offset?: number },
    body: AsyncIterable<Uint8Array>,
  ): Promise<{ path: string; bytes: number }>;
  listFiles(options: { path: string; depth?: number }): AsyncIterable<FileEntry>;
  fs(operation: FsOperation): Promise<unknown>;
  watch(options: { path: string; recursive?: boolean; signal: AbortSignal }): AsyncIterable<WatchEvent>;

  connectTcp(port: number): Promise<Duplex>;
  ports(): Promise<GuestPort[]>;
  metrics(): Promise<GuestMetrics>;
}
