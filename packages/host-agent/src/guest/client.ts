import { Readable, type Duplex } from "node:stream";
import { FileEntry, ProcessInfo, type ExecRequest, type FsOperation } from "@pandastack/contracts/host";
import { Fault, Refusal, withTimeout } from "@pandastack/platform";
import { wallClockNs, type GuestConnection, type HelloOk } from "./connection.ts";
import type { Guest, GuestMetrics, GuestPort, GuestProcess, WatchEvent } from "./guest.ts";
import { readJsonLines } from "./json-lines.ts";
import { StreamProcess } from "./process.ts";
import { StreamState } from "./stream-state.ts";
import { GuestTunnel } from "./tunnel.ts";

/** `Guest` over a connection that has said HELLO. */
export class GuestClient implements Guest {
  readonly connection: GuestConnection;
  constructor(connection: GuestConnection) {
    this.connection = connection;
  }

  exec(request: ExecRequest): GuestProcess {
    const { timeoutMs, ...rest } = request;
    return new StreamProcess(
      this.#open("exec", { ...rest, ...(timeoutMs === undefined ? {} : { timeout_ms: timeoutMs }) }),
    );
  }

  attach(options: { id: string; replay?: boolean }): GuestProcess {
    return new StreamProcess(this.#open("proc.attach", options));
  }

  async processes(): Promise<ProcessInfo[]> {
    const answer = (await this.#call("proc.list", {})) as { processes: unknown[] };
    return answer.processes.map((process) => ProcessInfo.parse(process));
  }

  async signal(target: { id?: string; pid?: number; signal: string }): Promise<void> {
    await this.#call("proc.signal", target);
  }

  async readFile(options: {
    path: string;
    offset?: number;
    length?: number;
  }): Promise<{ entry: FileEntry; body: Readable }> {
    const state = this.#open("fs.read", options);
    const first = await state.next();
    if (first?.kind !== "event") throw new Fault("file.io_error", "the guest agent did not describe the file");
    const body = Readable.from(dataOf(state), { objectMode: false, highWaterMark: READ_AHEAD_BYTES });
    body.once("close", () => state.cancel({ kill: true }));
    return { entry: FileEntry.parse(first.event["entry"]), body };
  }

  async writeFile(
    options: { path: string; user?: string; mode?: number; append?: boolean; offset?: number },
    body: AsyncIterable<Uint8Array>,
  ): Promise<{ path: string; bytes: number }> {
    const state = this.#open("fs.write", options);
    try {
      for await (const chunk of body) if (!(await state.send(chunk))) break;
    } catch (error) {
      // The sender went away half-way: the guest throws away what it has and keeps the old content.
      state.cancel({ kill: true });
      throw error;
    }
    state.end();
    return (await state.result()) as { path: string; bytes: number };
  }

  async *listFiles(options: { path: string; depth?: number }): AsyncGenerator<FileEntry> {
    const state = this.#open("fs.list", options);
    try {
      for await (const line of readJsonLines(dataOf(state))) yield FileEntry.parse(line);
    } finally {
      state.cancel({ kill: true });
    }
  }

  fs(operation: FsOperation): Promise<unknown> {
    const { op, ...args } = operation;
    return this.#call(`fs.${op}`, args);
  }

  async *watch(options: { path: string; recursive?: boolean; signal: AbortSignal }): AsyncGenerator<WatchEvent> {
    const { signal, ...args } = options;
    const state = this.#open("fs.watch", args);
    const stop = () => state.cancel({ kill: true });
    signal.addEventListener("abort", stop, { once: true });
    try {
      for await (const item of state) {
        if (signal.aborted) return;
        if (item.kind === "event") yield item.event as unknown as WatchEvent;
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      signal.removeEventListener("abort", stop);
      stop();
    }
  }

  /** Development servers that listen on `localhost` may have got `::1` for it: that is tried where 127.0.0.1 refuses. */
  async connectTcp(port: number): Promise<Duplex> {
    try {
      return await this.#connectTcp({ port });
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== "port.connection_refused") throw error;
      return this.#connectTcp({ port, host: "::1" }).catch(() => Promise.reject(error));
    }
  }

  async #connectTcp(args: { port: number; host?: string }): Promise<Duplex> {
    const state = this.#open("tcp.connect", args);
    await state.next();
    return new GuestTunnel(state);
  }

  async ports(): Promise<GuestPort[]> {
    return ((await this.#call("ports", {})) as { ports: GuestPort[] }).ports;
  }

  async metrics(): Promise<GuestMetrics> {
    return (await this.#call("metrics", {})) as GuestMetrics;
  }

  /** Waits until the drive is as large as it was said to be, and mounts what is on it. */
  async mountVolume(options: { device: string; path: string; read_only: boolean; size_bytes: number }): Promise<void> {
    await this.#call("volume.mount", options);
  }

  /** The mounted file system takes all of its drive. */
  async growVolume(options: { device: string; path: string; size_bytes: number }): Promise<void> {
    await this.#call("volume.grow", options);
  }

  /** What is mounted for writing, in a copy of another machine, is for reading from here on. */
  async makeVolumeReadOnly(options: { device: string; path: string }): Promise<void> {
    await this.#call("volume.read_only", options);
  }

  /** What was written to the volume so far is in its file. */
  async syncVolume(options: { path: string }): Promise<void> {
    await this.#call("volume.sync", options);
  }

  /**
   * For a guest that stood still: lets it speak again and tells it what time it is. What is asked of it next sees the right
   * clock, since operations begin in order; nobody needs to wait for the answer.
   */
  resumed(): void {
    this.connection.release();
    this.#setClock();
  }

  /**
   * HELLO sets the clock, but the first frame after a restore may take a guest hundreds of milliseconds to get to on a busy
   * host, and is that old then. The second is read at once: what was needed for it is warm by now.
   */
  correctClock(hello: HelloOk): void {
    const offMs = Math.abs(Date.now() - Number(BigInt(hello.time_ns) / 1_000_000n));
    if (offMs > CLOCK_TOLERANCE_MS) this.#setClock();
  }

  /**
   * Flushes the guest's file systems and makes both sides silent, so that every copy of the machine stands at a frame
   * boundary. Ends with `connection.release()`, or with the connection. `hangUp`: nor are they connected from then on, until
   * `connection.goOn()`.
   */
  async quiesce({ hangUp = false }: { hangUp?: boolean | undefined } = {}): Promise<void> {
    const state = this.#open("quiesce", { sync: true, ...(hangUp && { hang_up: true }) });
    this.connection.hold();
    try {
      await withTimeout(state.result(), QUIESCE_TIMEOUT_MS, "the guest agent did not come to rest");
    } catch (error) {
      this.connection.release();
      throw new Fault("sandbox.guest_unreachable", "the sandbox's guest agent did not get ready for a snapshot", {
        cause: error,
      });
    }
    if (hangUp) await this.connection.hangUp();
  }

  /** The host's clock was put to another time. */
  tellTime(): void {
    this.#setClock();
  }

  #setClock(): void {
    // A guest whose agent is too old to know this keeps the time of its HELLO.
    this.#tellUntilHeard().catch(() => {});
  }

  /** What it was told is as old as the way there was long, which is no longer than there and back. */
  async #tellUntilHeard(): Promise<void> {
    for (let tries = 0; tries < CLOCK_TRIES; tries++) {
      const began = performance.now();
      await this.#call("clock.set", { time_ns: wallClockNs() });
      if (performance.now() - began <= CLOCK_ANSWER_MS) return;
    }
  }

  #open(op: string, args: Record<string, unknown>): StreamState {
    const state = new StreamState();
    this.connection.open(op, args, state);
    return state;
  }

  #call(op: string, args: Record<string, unknown>): Promise<unknown> {
    return this.#open(op, args).result();
  }
}

/** A guest's clock may be this far off without being told again; what is promised is 50 ms. */
const CLOCK_TOLERANCE_MS = 10;
/** One that takes longer to answer is told again: an emulated guest on a host that is busy does not get to it at once. */
const CLOCK_ANSWER_MS = 25;
/** A host that is so busy every time has other worries. */
const CLOCK_TRIES = 4;
/** Flushing a guest's dirty pages takes its time on a slow disk; hooks may take 5 s. */
const QUIESCE_TIMEOUT_MS = 20_000;
/** Bytes of a file that may wait here for a slow client, beside the window in the guest. */
const READ_AHEAD_BYTES = 262_144;

async function* dataOf(state: StreamState): AsyncGenerator<Buffer> {
  for await (const item of state) if (item.kind === "data") yield item.data;
}
