import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

type Json = Record<string, unknown>;

/** One request that came, as far as tests ask. */
export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | undefined;
  readonly body: Json;
}

/**
 * Speaks what a worker needs of the Managed Agents API: one work item, its lease, and a session whose agent uses `tools`, one after
 * the other, each when the one before was answered. Then its turn is over.
 */
export class StandInApi implements AsyncDisposable {
  readonly seen: Seen[] = [];
  readonly results: Json[] = [];
  readonly #server = createServer((request, response) => void this.#answer(request, response));
  readonly #tools: readonly Json[];
  #given = false;
  #stream: ServerResponse | undefined;
  /** What a heartbeat is answered with, beside the lease. */
  heartbeatStatus = 200;

  private constructor(tools: readonly Json[]) {
    this.#tools = tools;
  }

  static async start(tools: readonly Json[]): Promise<StandInApi> {
    const api = new StandInApi(tools);
    await new Promise<void>((resolve) => api.#server.listen(0, "127.0.0.1", resolve));
    return api;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  count(method: string, ending: RegExp): number {
    return this.seen.filter((one) => one.method === method && ending.test(one.path)).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const path = new URL(request.url ?? "/", "http://x").pathname;
    const method = request.method ?? "";
    const body = text === "" ? {} : (JSON.parse(text) as Json);
    this.seen.push({ method, path, authorization: request.headers.authorization, body });
    const json = (value: unknown, status = 200): void => {
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
    };
    if (path.endsWith("/work/poll")) return json(this.#given ? null : this.#work());
    if (path.endsWith("/heartbeat"))
      return json(
        { state: "active", lease_extended: true, last_heartbeat: new Date().toISOString(), ttl_seconds: 60 },
        this.heartbeatStatus,
      );
    if (path.endsWith("/ack") || path.endsWith("/stop")) return json({});
    if (path.endsWith("/events/stream")) return this.#open(response);
    if (path.endsWith("/events") && method === "GET") return json({ data: [], next_page: null });
    if (path.endsWith("/events")) return json(this.#take(body));
    if (/\/sessions\/[^/]+$/.test(path))
      return json({ id: "sesn_1", type: "session", status: "running", agent: { skills: [] }, resources: [] });
    json({ type: "error", error: { type: "not_found_error", message: path } }, 404);
  }

  #work(): Json {
    this.#given = true;
    return { id: "work_1", environment_id: "env_1", data: { type: "session", id: "sesn_1" } };
  }

  #open(response: ServerResponse): void {
    response.writeHead(200, { "content-type": "text/event-stream" });
    this.#stream = response;
    this.#next();
  }

  #take(body: Json): Json {
    const events = (body["events"] ?? []) as Json[];
    for (const event of events.filter(({ type }) => type === "user.tool_result")) {
      this.results.push(event);
      this.#next();
    }
    return { data: events };
  }

  #next(): void {
    const tool = this.#tools[this.results.length];
    if (tool !== undefined) this.#say({ type: "agent.tool_use", id: `tool_${this.results.length}`, ...tool });
    else this.#say({ type: "session.status_idle", id: "idle_1", stop_reason: { type: "end_turn" } });
  }

  #say(event: Json): void {
    this.#stream?.write(`event: message\ndata: ${JSON.stringify(event)}\n\n`);
  }
}

// In a sandbox, for the tests of the template: `node stand-in-api.ts TOOLS`, where TOOLS is JSON. Prints its address, then the results.
if (process.argv[1] === import.meta.filename) {
  const api = await StandInApi.start(JSON.parse(process.argv[2] ?? "[]") as Json[]);
  process.stdout.write(`${api.url}\n`);
  process.once("SIGTERM", () => {
    process.stdout.write(`${JSON.stringify({ results: api.results, stops: api.count("POST", /\/stop$/) })}\n`, () =>
      process.exit(0),
    );
  });
}
