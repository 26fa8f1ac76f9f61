import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTracing, waitFor } from "@pandastack/platform";
import { createTestDatabase } from "./support/database.ts";
import { FakeHostAgent } from "./support/fake-host.ts";
import { startControlPlane, testLogger } from "./support/server.ts";

interface Span {
  readonly service: string;
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
}

interface Exported {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly { key: string; value: { stringValue: string } }[] };
    readonly scopeSpans: readonly { readonly spans: readonly Omit<Span, "service">[] }[];
  }[];
}

/** Takes what exporters send, as a collector does: https://opentelemetry.io/docs/specs/otlp/#otlphttp */
const received: Span[] = [];
const paths = new Set<string>();
const collector: Server = createServer((request, reply) => {
  void (async () => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    paths.add(`${request.method} ${request.url}`);
    const { resourceSpans } = JSON.parse(Buffer.concat(chunks).toString()) as Exported;
    for (const { resource, scopeSpans } of resourceSpans) {
      const service = resource.attributes.find(({ key }) => key === "service.name")?.value.stringValue ?? "";
      for (const { spans } of scopeSpans) received.push(...spans.map((span) => ({ service, ...span })));
    }
    reply.setHeader("content-type", "application/json").end("{}");
  })();
});

let agent: FakeHostAgent;
let database: Awaited<ReturnType<typeof createTestDatabase>>;
let server: Awaited<ReturnType<typeof startControlPlane>>;
let stopTracing: () => Promise<void>;
beforeAll(async () => {
  collector.listen(0, "127.0.0.1");
  await once(collector, "listening");
  const env = {
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(collector.address() as AddressInfo).port}/`,
  };
  stopTracing = await startTracing("pandastack-control-plane", testLogger(), env);
  agent = new FakeHostAgent(env);
  await agent.start();
  database = await createTestDatabase();
  server = await startControlPlane({ databaseUrl: database.url, hostSocket: agent.socketPath });
  await waitFor(async () => (await server.api("GET", "/readyz")).status === 200, {
    timeoutMs: 20_000,
    message: "not ready",
  });
});
afterAll(async () => {
  await server.controlPlane.stop();
  await stopTracing();
  await agent.remove();
  await database.drop();
  collector.close();
});

test("a create is one trace: the caller's, the control plane's request, the command, and the host agent's steps", async () => {
  const trace = "0af7651916cd43dd8448eb211c80319c";
  const reply = await server.api(
    "POST",
    "/v1/sandboxes",
    {},
    {
      headers: { traceparent: `00-${trace}-b7ad6b7169203331-01` },
    },
  );
  expect(reply.status).toBe(201);
  const unsampled = "1af7651916cd43dd8448eb211c80319c";
  await server.api("GET", "/v1/sandboxes", undefined, {
    headers: { traceparent: `00-${unsampled}-b7ad6b7169203331-00` },
  });
  await server.api("GET", "/v1/sandboxes", undefined, { headers: { traceparent: "nonsense" } });
  // Both processes send what they have when they stop.
  await stopTracing();
  await agent.kill("SIGTERM");

  expect([...paths]).toEqual(["POST /v1/traces"]);
  const spans = received.filter(({ traceId }) => traceId === trace);
  const one = (service: string, name: string): Span => {
    const found = spans.filter((span) => span.service === service && span.name === name);
    expect(found, `${service}: ${name}, of ${spans.map((span) => span.name).join(", ")}`).toHaveLength(1);
    return found[0]!;
  };
  const request = one("pandastack-control-plane", "POST /v1/sandboxes");
  const command = one("pandastack-control-plane", "host createSandbox");
  const done = one("pandastack-host-agent", "createSandbox");
  expect(request.parentSpanId).toBe("b7ad6b7169203331");
  expect(command.parentSpanId).toBe(request.spanId);
  expect(done.parentSpanId).toBe(command.spanId);
  const under = (parent: Span) => spans.filter(({ parentSpanId }) => parentSpanId === parent.spanId);
  expect(under(request).map(({ name }) => name)).toEqual(expect.arrayContaining(["authorise", "row", "finish"]));
  expect(under(done).map(({ name }) => name)).toEqual(
    expect.arrayContaining(["admission", "slot", "hello", "journal"]),
  );
  for (const span of spans)
    expect(BigInt(span.endTimeUnixNano) >= BigInt(span.startTimeUnixNano), span.name).toBe(true);

  expect(received.filter(({ traceId }) => traceId === unsampled)).toEqual([]);
  const lists = received.filter(({ name }) => name === "GET /v1/sandboxes");
  expect(lists).toHaveLength(1);
  expect(lists[0]!.parentSpanId ?? "").toBe("");
  expect(received.some(({ name }) => name.includes("readyz"))).toBe(false);
});
