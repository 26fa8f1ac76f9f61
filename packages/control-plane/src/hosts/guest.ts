import type { Readable } from "node:stream";
import { z } from "zod";
import { FileEntry, ProcessInfo, type ExecRequest, type FsOperation } from "@pandastack/contracts/host";
import type { HostConnection } from "./connection.ts";
import { execEvents, type ExecEvent } from "./exec-events.ts";
import { ProcessSocket } from "./process-socket.ts";

const GuestMetrics = z.record(z.string(), z.unknown()).and(
  z.object({
    uptime_ms: z.number().optional(),
    vmm: z.object({ pid: z.int(), rss_bytes: z.number(), cpu_ms: z.number() }),
  }),
);
const GuestPorts = z.object({
  ports: z.array(
    z.object({ port: z.int(), address: z.string(), pid: z.int().nullable(), process: z.string().nullable() }),
  ),
});
const WatchEvent = z.object({
  event: z.enum(["ready", "change", "overflow"]),
  kind: z.enum(["create", "write", "remove", "rename", "chmod"]).optional(),
  path: z.string().optional(),
  from: z.string().optional(),
  is_dir: z.boolean().optional(),
});
const Environment = z.object({ environment: z.record(z.string(), z.string()) });
const LogPiece = z.object({ text: z.string() });
export type WatchEvent = z.infer<typeof WatchEvent>;

export interface GuestClient {
  /** Runs a command. Ending the iteration or `signal` leaves it running, unless `kill`. */
  exec(request: ExecRequest, options: { signal: AbortSignal; kill?: boolean }): AsyncGenerator<ExecEvent>;
  /** A process's socket, once it has begun. Without `keep` (default true) the host hangs the process up when the socket is lost. */
  processSocket(
    first: { exec: ExecRequest; keep?: boolean } | { attach: { id: string; replay?: boolean } },
  ): Promise<ProcessSocket>;
  processes(): Promise<ProcessInfo[]>;
  signalProcess(target: { id: string; signal: string }): Promise<void>;
  readFile(options: {
    path: string;
    offset?: number;
    length?: number;
    signal: AbortSignal;
  }): Promise<{ body: Readable; lengthBytes: number | undefined }>;
  writeFile(
    options: { path: string; user?: string; mode?: number; append?: boolean; signal: AbortSignal },
    bytes: AsyncIterable<Uint8Array>,
  ): Promise<{ path: string; bytes: number }>;
  listFiles(options: { path: string; depth?: number; signal: AbortSignal }): AsyncGenerator<FileEntry>;
  fs(operation: FsOperation): Promise<unknown>;
  watchFiles(options: { path: string; recursive: boolean; signal: AbortSignal }): AsyncGenerator<WatchEvent>;
  ports(): Promise<z.infer<typeof GuestPorts>["ports"]>;
  /** Variables that it was given, over what its commands have anyway. */
  environment(): Promise<Record<string, string>>;
  metrics(): Promise<z.infer<typeof GuestMetrics>>;
  logs(stream: "stdout" | "stderr" | "both"): Promise<string>;
  /** All of it, at once and even if it is nothing, then what comes, as it comes. Ends with its machine, or by `signal`. */
  followLogs(stream: "stdout" | "stderr" | "both", signal: AbortSignal): AsyncGenerator<string>;
}

export function guestOf(connection: HostConnection, sandboxId: string): GuestClient {
  const base = `/sandboxes/${sandboxId}`;
  return {
    exec: (request, options) => execEvents(connection, base, request, options),
    processSocket: async (first) => ProcessSocket.begun(await connection.socket(`${base}/process`, first)),
    processes: async () =>
      (await connection.json(z.object({ processes: z.array(ProcessInfo) }), { path: `${base}/processes` })).processes,
    signalProcess: async (target) => {
      await connection.json(z.unknown(), { method: "POST", path: `${base}/processes/signal`, json: target });
    },
    readFile: async ({ signal, ...query }) => {
      const reply = await connection.request({ path: `${base}/files?${queryText(query)}`, signal });
      const length = Number(reply.headers["content-length"]);
      return {
        body: reply.body,
        lengthBytes:
          reply.headers["content-length"] === undefined || !Number.isSafeInteger(length) ? undefined : length,
      };
    },
    writeFile: async ({ signal, append, mode, ...query }, bytes) =>
      connection.json(z.object({ path: z.string(), bytes: z.int() }), {
        method: "PUT",
        path: `${base}/files?${queryText({ ...query, mode: mode === undefined ? undefined : mode, append: append === true ? 1 : undefined })}`,
        bytes,
        signal,
      }),
    listFiles: async function* ({ signal, ...query }) {
      for await (const line of connection.lines({
        path: `${base}/files/list?${queryText(query)}`,
        signal,
        repeatable: true,
      }))
        yield FileEntry.parse(line);
    },
    fs: (operation) => connection.json(z.unknown(), { method: "POST", path: `${base}/files/op`, json: operation }),
    watchFiles: async function* ({ signal, path, recursive }) {
      const query = queryText({ path, recursive: recursive ? 1 : undefined });
      for await (const line of connection.lines({ path: `${base}/files/watch?${query}`, signal }))
        yield WatchEvent.parse(line);
    },
    environment: async () => (await connection.json(Environment, { path: `${base}/environment` })).environment,
    ports: async () => (await connection.json(GuestPorts, { path: `${base}/ports` })).ports,
    metrics: () => connection.json(GuestMetrics, { path: `${base}/metrics` }),
    logs: (stream) => connection.text({ path: `${base}/logs?stream=${stream}` }),
    followLogs: async function* (stream, signal) {
      for await (const line of connection.lines({ path: `${base}/logs?stream=${stream}&follow=1`, signal }))
        yield LogPiece.parse(line).text;
    },
  };
}

function queryText(query: Record<string, string | number | undefined>): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  return new URLSearchParams(given.map(([name, value]): [string, string] => [name, String(value)])).toString();
}
