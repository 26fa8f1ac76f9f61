import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const platform = fileURLToPath(new URL("../src/index.ts", import.meta.url));
/** Nobody listens there: spans that cannot be sent may cost nobody anything. */
const NOWHERE = "http://127.0.0.1:9";
const program = `
  import { registerHooks } from "node:module";
  const loaded = [];
  registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) });
  const { beginSpan, createLogger, startTracing } = await import(${JSON.stringify(platform)});
  const stop = await startTracing("test", createLogger("test"));
  const spans = process.argv.slice(1).map((traceparent) => beginSpan("work", { kind: "server", traceparent }));
  for (const span of spans) span?.end();
  await stop();
  console.log(JSON.stringify({
    isLoaded: loaded.some((url) => url.includes("opentelemetry")),
    traceparents: spans.map((span) => span?.traceparent ?? null),
    after: beginSpan("more", { kind: "server" }) ?? null,
  }));
  process.exit(0);
`;

function run(endpoint: string | undefined, traceparents: string[], more: Record<string, string> = {}) {
  const output = execFileSync(process.execPath, ["--input-type=module", "--eval", program, "--", ...traceparents], {
    env: {
      PATH: process.env["PATH"],
      PANDASTACK_LOG_LEVEL: "silent",
      ...(endpoint === undefined ? {} : { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }),
      ...more,
    },
    encoding: "utf8",
    // A process that waits for its collector is never done.
    timeout: 15_000,
  });
  return JSON.parse(output) as { isLoaded: boolean; traceparents: (string | null)[]; after: unknown };
}

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const CALLER = `00-${TRACE}-b7ad6b7169203331-01`;

test("where no collector is named nothing of OpenTelemetry is loaded", () => {
  const off = { isLoaded: false, traceparents: [null], after: null };
  expect(run(undefined, [CALLER])).toEqual(off);
  expect(run("no address", [CALLER])).toEqual(off);
});

test("a span goes on with the caller's trace where that can be read, and a collector that is away holds nobody up", () => {
  const unreadable = ["", "00-0-0-01", `00-${"0".repeat(32)}-b7ad6b7169203331-01`, `ff-${TRACE}-b7ad6b7169203331-01`];
  const { isLoaded, traceparents, after } = run(NOWHERE, [CALLER, ...unreadable]);
  expect(isLoaded).toBe(true);
  expect(after).toBeNull();
  expect(traceparents[0]).toMatch(new RegExp(`^00-${TRACE}-(?!b7ad6b7169203331)[0-9a-f]{16}-01$`));
  for (const own of traceparents.slice(1)) {
    expect(own).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    expect(own).not.toContain(TRACE);
  }
  expect(new Set(traceparents).size).toBe(traceparents.length);
});

test("a share of the traces that begin here is sent; whoever asked for one decides about it", () => {
  const sampler = { OTEL_TRACES_SAMPLER: "parentbased_traceidratio", OTEL_TRACES_SAMPLER_ARG: "0" };
  const { traceparents } = run(NOWHERE, ["", CALLER.replace(/1$/, "0")], sampler);
  expect(traceparents.map((own) => own?.slice(-3))).toEqual(["-00", "-00"]);
});
