import type { Readable } from "node:stream";
import type { WebSocket } from "ws";
import { z } from "zod";
import { Fault, Refusal } from "@pandastack/platform";
import { errorRegistry, type ErrorCode } from "@pandastack/contracts";
import {
  decodeExecFrames,
  ExecFrameKind,
  ExecResult,
  FileEntry,
  ProcessInfo,
  type ExecRequest,
  type FsOperation,
} from "@pandastack/contracts/host";
import type { HostConnection } from "./connection.ts";
import { toHostFailure } from "./failures.ts";

/** What a running command says, in order. */
export type ExecEvent =
  | { readonly kind: "stdout" | "stderr"; readonly data: Uint8Array }
  | { readonly kind: "started"; readonly id: string; readonly pid: number }
  | { readonly kind: "result"; readonly result: ExecResult }
  | { readonly kind: "detached"; readonly id: string; readonly pid: number };

const GuestMetrics = z.record(z.string(), z.unknown()).and(
  z.object({ uptime_ms: z.number().optional(), vmm: z.object({ pid: z.int(), rss_bytes: z.number(), cpu_ms: z.number() }) }),
);
const GuestPorts = z.object({
  ports: z.array(z.object({ port: z.int(), address: z.string(), pid: z.int().nullable(), process: z.string().nullable() })),
});
const WatchEvent = z.object({
  event: z.enum(["ready", "change", "overflow"]),
  kind: z.enum(["create", "write", "remove", "rename", "chmod"]).optional(),
  path: z.string().optional(),
  from: z.string().optional(),
  is_dir: z.boolean().optional(),
});
export type WatchEvent = z.infer<typeof WatchEvent>;

export interface GuestClient {
  /** Runs a command. Ending the iteration or `signal` leaves it running, unless `kill`. */
  exec(request: ExecRequest, options: { signal: AbortSignal; kill?: boolean }): AsyncGenerator<ExecEvent>;
  /** A process's socket, paused: first message as the host's contract says. */
  processSocket(first: { exec: ExecRequest } | { attach: { id: string; replay?: boolean } }): Promise<WebSocket>;
  processes(): Promise<ProcessInfo[]>;
  signalProcess(target: { id: string; signal: string }): Promise<void>;
  readFile(options: { path: string; offset?: number; length?: number; signal: AbortSignal }): Promise<{ body: Readable; lengthBytes: number | undefined }>;
  writeFile(
    options: { path: string; user?: string; mode?: number; append?: boolean; signal: AbortSignal },
    bytes: AsyncIterable<Uint8Array>,
  ): Promise<{ path: string; bytes: number }>;
  listFiles(options: { path: string; depth?: number; signal: AbortSignal }): AsyncGenerator<FileEntry>;
  fs(operation: FsOperation): Promise<unknown>;
  watchFiles(options: { path: string; recursive: boolean; signal: AbortSignal }): AsyncGenerator<WatchEvent>;
  ports(): Promise<z.infer<typeof GuestPorts>["ports"]>;
  metrics(): Promise<z.infer<typeof GuestMetrics>>;
  logs(stream: "stdout" | "stderr" | "both"): Promise<string>;
}

export function guestOf(connection: HostConnection, sandboxId: string): GuestClient {
  const base = `/sandboxes/${sandboxId}`;
  return {
    exec: (request, options) => exec(connection, base, request, options),
    processSocket: (first) => connection.socket(`${base}/process`, first),
    processes: async () => (await connection.json(z.object({ processes: z.array(ProcessInfo) }), { path: `${base}/processes` })).processes,
    signalProcess: async (target) => {
      await connection.json(z.unknown(), { method: "POST", path: `${base}/processes/signal`, json: target });
    },
    readFile: async ({ signal, ...query }) => {
      const reply = await connection.request({ path: `${base}/files?${queryText(query)}`, signal });
      const length = Number(reply.headers["content-length"]);
      return { body: reply.body, lengthBytes: reply.headers["content-length"] === undefined || !Number.isSafeInteger(length) ? undefined : length };
    },
    writeFile: async ({ signal, append, mode, ...query }, bytes) =>
      connection.json(z.object({ path: z.string(), bytes: z.int() }), {
        method: "PUT",
        path: `${base}/files?${queryText({ ...query, mode: mode === undefined ? undefined : mode, append: append === true ? 1 : undefined })}`,
        bytes,
        signal,
      }),
    listFiles: async function* ({ signal, ...query }) {
      for await (const line of connection.lines({ path: `${base}/files/list?${queryText(query)}`, signal, repeatable: true })) yield FileEntry.parse(line);
    },
    fs: (operation) => connection.json(z.unknown(), { method: "POST", path: `${base}/files/op`, json: operation }),
    watchFiles: async function* ({ signal, path, recursive }) {
      const query = queryText({ path, recursive: recursive ? 1 : undefined });
      for await (const line of connection.lines({ path: `${base}/files/watch?${query}`, signal })) yield WatchEvent.parse(line);
    },
    ports: async () => (await connection.json(GuestPorts, { path: `${base}/ports` })).ports,
    metrics: () => connection.json(GuestMetrics, { path: `${base}/metrics` }),
    logs: (stream) => connection.text({ path: `${base}/logs?stream=${stream}` }),
  };
}

function queryText(query: Record<string, string | number | undefined>): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  return new URLSearchParams(given.map(([name, value]): [string, string] => [name, String(value)])).toString();
}

const LOST_COMMAND = "the connection to the host was lost; the command may have run or still be running";

async function* exec(
  connection: HostConnection,
  base: string,
  request: ExecRequest,
  options: { signal: AbortSignal; kill?: boolean },
): AsyncGenerator<ExecEvent> {
  const reply = await connection.request({
    method: "POST",
    path: `${base}/exec${options.kill === true ? "?kill=1" : ""}`,
    json: request,
    signal: options.signal,
    lostText: LOST_COMMAND,
  });
  try {
    for await (const { kind, payload } of decodeExecFrames(reply.body)) {
      if (kind === ExecFrameKind.stdout) yield { kind: "stdout", data: payload };
      else if (kind === ExecFrameKind.stderr) yield { kind: "stderr", data: payload };
      else if (kind === ExecFrameKind.event) {
        const event = parse(payload) as { event: string; id: string; pid: number };
        if (event.event === "started") yield { kind: "started", id: event.id, pid: event.pid };
      } else if (kind === ExecFrameKind.result) {
        const result = parse(payload);
        const finished = ExecResult.safeParse(result);
        if (finished.success) yield { kind: "result", result: finished.data };
        else yield { kind: "detached", ...z.object({ id: z.string(), pid: z.int() }).parse(result) };
        return;
      } else throw fromErrorFrame(parse(payload));
    }
  } catch (error) {
    throw toHostFailure(error, LOST_COMMAND);
  } finally {
    reply.body.destroy();
  }
  throw new Fault("host.unavailable", LOST_COMMAND, { operatorMessage: "host agent: an exec stream ended without a result" });
}

const parse = (payload: Uint8Array): unknown => JSON.parse(Buffer.from(payload.buffer, payload.byteOffset, payload.length).toString("utf8"));

/** What an exec stream or a process socket says went wrong. */
export function fromErrorFrame(frame: unknown): Refusal | Fault {
  const { error, code } = frame as { error?: unknown; code?: unknown };
  if (typeof code === "string" && typeof error === "string" && Object.hasOwn(errorRegistry, code) && !code.startsWith("internal.")) {
    return new Refusal(code as ErrorCode, error);
  }
  return new Fault("internal.error", "internal error", { operatorMessage: `host agent: ${String(error)}` });
}
