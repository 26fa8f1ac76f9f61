import { Agent, type IncomingMessage, request } from "node:http";
import { Readable } from "node:stream";
import type { StepTime } from "@pandastack/platform";
import { stepsOf } from "./trace.ts";

/** Whatever the bench reads of any answer. */
interface Reply {
  id: string;
  runtime: string;
  isolation: string;
  boot_ms: number;
  paused_ms: number;
  children: { id: string }[];
  exit_code: number;
  stdout: string;
  stderr: string;
  pid: number;
}

export interface Timed {
  ms: number;
  status: number;
  json: Reply;
  bytes: number;
  /** What the server says its time went into. */
  steps: StepTime[];
}

/** Plain HTTP over kept connections, so that what is measured is the server. Every sandbox it makes it also removes. */
export class BenchClient {
  readonly #url: URL;
  readonly #token: string;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 });
  readonly #made = new Set<string>();

  constructor(url: string, token: string) {
    this.#url = new URL(url);
    this.#token = token;
  }

  /** For clients that are measured themselves. */
  get access(): { baseUrl: string; apiKey: string } {
    return { baseUrl: this.#url.origin, apiKey: this.#token };
  }

  /** From the first byte sent to the last one received. Throws where the answer is not a success. */
  async call(method: string, path: string, body?: unknown): Promise<Timed> {
    if (body instanceof Uint8Array) return this.#send(method, path, "application/octet-stream", body);
    if (body === undefined) return this.#send(method, path, "text/plain", Buffer.alloc(0));
    return this.#send(method, path, "application/json", Buffer.from(JSON.stringify(body)));
  }

  /** The same piece so many times, as one body. */
  async upload(path: string, piece: Buffer, pieces: number): Promise<Timed> {
    const body = Readable.from(Array.from({ length: pieces }, () => piece));
    return this.#send("PUT", path, "application/octet-stream", body, piece.length * pieces);
  }

  async #send(
    method: string,
    path: string,
    mediaType: string,
    body: Uint8Array | Readable,
    sizeBytes = body instanceof Uint8Array ? body.length : 0,
  ): Promise<Timed> {
    const started = performance.now();
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const headers = {
        authorization: `Bearer ${this.#token}`,
        "content-length": sizeBytes,
        "content-type": mediaType,
      };
      const sent = request(
        { agent: this.#agent, host: this.#url.hostname, port: this.#url.port, method, path: `/v1${path}`, headers },
        resolve,
      );
      sent.once("error", reject);
      if (body instanceof Readable) body.pipe(sent);
      else sent.end(body);
    });
    const isJson = response.headers["content-type"]?.startsWith("application/json") ?? false;
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (isJson) chunks.push(chunk);
    }
    const ms = performance.now() - started;
    const json = (isJson ? JSON.parse(Buffer.concat(chunks).toString()) : {}) as Reply;
    const status = response.statusCode ?? 0;
    if (status >= 300) throw new Error(`${method} ${path} answered ${status}: ${JSON.stringify(json)}`);
    return { ms, status, json, bytes, steps: stepsOf(response.headers["server-timing"]) };
  }

  async create(options: { from_snapshot?: string } = {}): Promise<Timed & { id: string }> {
    const timed = await this.call("POST", "/sandboxes", { ttl_seconds: 600, ...options });
    this.#made.add(timed.json.id);
    return { ...timed, id: timed.json.id };
  }

  async exec(id: string, cmd: string): Promise<Timed> {
    const timed = await this.call("POST", `/sandboxes/${id}/exec`, { cmd });
    if (timed.json.exit_code !== 0) throw new Error(`${cmd} exited with ${timed.json.exit_code}: ${timed.json.stderr}`);
    return timed;
  }

  async fork(id: string, count: number): Promise<Timed & { ids: string[] }> {
    const timed = await this.call("POST", `/sandboxes/${id}/fork`, { count });
    const ids = timed.json.children.map((child) => child.id);
    if (ids.length !== count) throw new Error(`${ids.length} of ${count} children`);
    for (const child of ids) this.#made.add(child);
    return { ...timed, ids };
  }

  async remove(...ids: string[]): Promise<void> {
    for (const id of ids) {
      await this.call("DELETE", `/sandboxes/${id}`);
      this.#made.delete(id);
    }
  }

  async close(): Promise<void> {
    await this.remove(...this.#made);
    this.#agent.destroy();
  }
}
