import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTracing, waitFor } from "@pandastack/platform";
import { attribute, Collector, durationMs, Trace } from "./support/collector.ts";
import { createTestDatabase } from "./support/database.ts";
import { FakeHostAgent } from "./support/fake-host.ts";
import { ask } from "./support/http.ts";
import { AUTHORISED } from "./support/inside.ts";
import { ADMIN_TOKEN, startControlPlane, testLogger } from "./support/server.ts";
import { TestSocket } from "./support/sockets.ts";

const CALLER = "b7ad6b7169203331";
const CONTROL = "pandastack-control-plane";
const HOST = "pandastack-host-agent";

const collector = new Collector();
let agent: FakeHostAgent;
let database: Awaited<ReturnType<typeof createTestDatabase>>;
let server: Awaited<ReturnType<typeof startControlPlane>>;
let stopTracing: () => Promise<void>;
let id = "";
beforeAll(async () => {
  await collector.start();
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: `${collector.url}/`, OTEL_BSP_SCHEDULE_DELAY: "20" };
  stopTracing = await startTracing(CONTROL, testLogger(), env);
  agent = new FakeHostAgent(env);
  await agent.start();
  database = await createTestDatabase();
  server = await startControlPlane({ databaseUrl: database.url, hostSocket: agent.socketPath });
  await waitFor(async () => (await server.api("GET", "/readyz")).status === 200, {
    timeoutMs: 20_000,
    message: "not ready",
  });
  id = (await server.api("POST", "/v1/sandboxes")).body.id;
});
afterAll(async () => {
  await server.controlPlane.stop();
  await stopTracing();
  await agent.remove();
  await database.drop();
  collector.close();
});

/** Whatever `act` does under a trace of its own, once all spans that are named have come. */
async function traceOf(act: (headers: { traceparent: string }) => Promise<unknown>, spans: string[]): Promise<Trace> {
  const traceId = randomBytes(16).toString("hex");
  await act({ traceparent: `00-${traceId}-${CALLER}-01` });
  const look = () => new Trace(collector.spans, traceId);
  await waitFor(() => spans.every((name) => look().names().includes(name)), {
    timeoutMs: 10_000,
    message: `not all of ${spans.join(", ")}`,
  }).catch((error: Error) => {
    throw new Error(`${error.message}; there are: ${look().names().join(", ")}`);
  });
  for (const span of look().spans) expect(durationMs(span), span.name).toBeGreaterThanOrEqual(0);
  return look();
}

test("a create is one trace: the caller's, the control plane's request, the command, and the host agent's steps", async () => {
  const create = async (headers: Record<string, string>) => {
    const reply = await server.api("POST", "/v1/sandboxes", {}, { headers });
    expect(reply.status).toBe(201);
  };
  const trace = await traceOf(create, [`${CONTROL}: POST /v1/sandboxes`, `${HOST}: createSandbox`]);
  const request = trace.one(CONTROL, "POST /v1/sandboxes");
  const command = trace.one(CONTROL, "host createSandbox");
  const done = trace.one(HOST, "createSandbox");
  expect(request.parentSpanId).toBe(CALLER);
  expect(command.parentSpanId).toBe(request.spanId);
  expect(done.parentSpanId).toBe(command.spanId);
  expect(trace.under(request).map(({ name }) => name)).toEqual(expect.arrayContaining(["authorise", "row", "finish"]));
  expect(trace.under(done).map(({ name }) => name)).toEqual(
    expect.arrayContaining(["admission", "slot", "hello", "journal"]),
  );
  expect([...collector.paths]).toEqual(["POST /v1/traces"]);
});

test("a command's trace goes into the guest: until it started there, and how long it ran", async () => {
  const trace = await traceOf(
    (headers) => server.api("POST", `/v1/sandboxes/${id}/exec`, { cmd: "sleep 0.2" }, { headers }),
    [`${HOST}: POST /v1/sandboxes/:id/exec`, `${CONTROL}: POST /v1/sandboxes/{id}/exec`, `${HOST}: guest run`],
  );
  const request = trace.one(CONTROL, "POST /v1/sandboxes/{id}/exec");
  const inHost = trace.one(HOST, "POST /v1/sandboxes/:id/exec");
  expect(inHost.parentSpanId).toBe(request.spanId);
  expect(trace.under(inHost).map(({ name }) => name)).toEqual(["guest start", "guest run"]);
  expect(durationMs(trace.one(HOST, "guest run"))).toBeGreaterThanOrEqual(190);
  expect(durationMs(request)).toBeGreaterThanOrEqual(durationMs(trace.one(HOST, "guest run")));
  expect(attribute(inHost, "process.exit.code")).toBe(0);
});

test("a stream that its caller leaves has an end", async () => {
  const trace = await traceOf(
    async (headers) => {
      const left = new AbortController();
      const reply = await fetch(`${server.url}/v1/sandboxes/${id}/exec/stream`, {
        method: "POST",
        headers: { ...AUTHORISED, "content-type": "application/json", ...headers },
        body: JSON.stringify({ cmd: "echo begun; sleep 60", timeout_seconds: 60 }),
        signal: left.signal,
      });
      expect(reply.status).toBe(200);
      left.abort();
    },
    [`${CONTROL}: POST /v1/sandboxes/{id}/exec/stream`, `${HOST}: POST /v1/sandboxes/:id/exec`],
  );
  expect(durationMs(trace.one(CONTROL, "POST /v1/sandboxes/{id}/exec/stream"))).toBeLessThan(30_000);
});

test("a socket's span lasts as long as it does, with its commands under it", async () => {
  const trace = await traceOf(
    async (headers) => {
      const socket = await new TestSocket(`${server.url}/v1/sandboxes/${id}/exec/ws`, {
        headers: { authorization: `Bearer ${ADMIN_TOKEN}`, ...headers },
      }).open();
      socket.socket.send(JSON.stringify({ id: 1, cmd: "sleep 0.1" }));
      await socket.until(() => socket.json().some((message) => message.exit === 0), "the command has not ended");
      const closed = once(socket.socket, "close");
      socket.socket.close();
      await closed;
    },
    [`${CONTROL}: GET /v1/sandboxes/{id}/exec/ws`, `${HOST}: POST /v1/sandboxes/:id/exec`],
  );
  const socket = trace.one(CONTROL, "GET /v1/sandboxes/{id}/exec/ws");
  expect(socket.parentSpanId).toBe(CALLER);
  expect(attribute(socket, "http.response.status_code")).toBe(101);
  expect(durationMs(socket)).toBeGreaterThanOrEqual(100);
  expect(trace.one(HOST, "POST /v1/sandboxes/:id/exec").parentSpanId).toBe(socket.spanId);
});

test("a terminal's span goes on to the host's", async () => {
  const trace = await traceOf(
    async (headers) => {
      const socket = await new TestSocket(`${server.url}/v1/sandboxes/${id}/exec/pty?cmd=true`, {
        headers: { authorization: `Bearer ${ADMIN_TOKEN}`, ...headers },
      }).open();
      if (socket.closed === undefined) await once(socket.socket, "close");
    },
    [`${CONTROL}: GET /v1/sandboxes/{id}/exec/pty`, `${HOST}: GET /v1/sandboxes/:id/process`],
  );
  const inHost = trace.one(HOST, "GET /v1/sandboxes/:id/process");
  expect(inHost.parentSpanId).toBe(trace.one(CONTROL, "GET /v1/sandboxes/{id}/exec/pty").spanId);
  expect(trace.under(inHost).map(({ name }) => name)).toContain("guest run");
});

test("a socket that is refused has its answer's status", async () => {
  const trace = await traceOf(
    async (headers) => {
      const socket = new TestSocket(`${server.url}/v1/sandboxes/00000000000000000000/exec/pty`, {
        headers: { authorization: `Bearer ${ADMIN_TOKEN}`, ...headers },
      });
      expect((await socket.refused()).status).toBe(404);
    },
    [`${CONTROL}: GET /v1/sandboxes/{id}/exec/pty`],
  );
  expect(attribute(trace.one(CONTROL, "GET /v1/sandboxes/{id}/exec/pty"), "http.response.status_code")).toBe(404);
});

test("a request to a server inside has a span in the gateway, and one for the connection into the guest", async () => {
  await server.api("POST", `/v1/sandboxes/${id}/exec`, { cmd: "listen 7000", detach: true });
  await waitFor(async () => (await server.api("GET", `/v1/sandboxes/${id}/ports`)).body.length === 1, {
    timeoutMs: 10_000,
    message: "it does not listen",
  });
  const secret = "not-for-collectors";
  const trace = await traceOf(
    (headers) =>
      ask(server.url, `/v1/sandboxes/${id}/proxy/7000/path?token=${secret}`, {
        headers: { ...AUTHORISED, ...headers },
      }),
    [`${CONTROL}: GET gateway`, `${HOST}: guest connect`],
  );
  const visit = trace.one(CONTROL, "GET gateway");
  expect(visit.parentSpanId).toBe(CALLER);
  expect(attribute(visit, "pandastack.sandbox_id")).toBe(id);
  // It says back what it hears, which is no HTTP.
  expect(attribute(visit, "http.response.status_code")).toBe(502);
  expect(trace.one(HOST, "guest connect").parentSpanId).toBe(visit.spanId);
  expect(JSON.stringify(trace.spans)).not.toContain(secret);
});

test("a caller that does not want to be traced is not, one that cannot be understood begins a trace", async () => {
  const unsampled = randomBytes(16).toString("hex");
  const before = collector.spans.length;
  await server.api("GET", "/v1/sandboxes", undefined, {
    headers: { traceparent: `00-${unsampled}-${CALLER}-00` },
  });
  await server.api("GET", "/v1/sandboxes", undefined, { headers: { traceparent: "nonsense" } });
  const lists = () => collector.spans.slice(before).filter(({ name }) => name === "GET /v1/sandboxes");
  await waitFor(() => lists().length > 0, { timeoutMs: 10_000, message: "nothing was traced" });
  // What was not sampled would have come before.
  expect(lists()).toHaveLength(1);
  expect(lists()[0]!.parentSpanId ?? "").toBe("");
  expect(collector.spans.filter(({ traceId }) => traceId === unsampled)).toEqual([]);
  expect(collector.spans.some(({ name }) => name.includes("readyz"))).toBe(false);
});
