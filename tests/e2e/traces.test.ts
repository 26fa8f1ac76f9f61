import { randomBytes } from "node:crypto";
import { describe, expect } from "vitest";
import { waitFor } from "@pandastack/platform";
import { durationMs, type Span, Trace } from "../../packages/control-plane/tests/support/collector.ts";
import { api, sandboxForTest, server } from "./support/api.ts";
import { itWhen } from "./support/not-run.ts";

const CONTROL = "pandastack-control-plane";
const HOST = "pandastack-host-agent";

/** By processes as `npm start` starts them: the control plane has given up its rights when it sends. */
describe("traces of a running server", () => {
  itWhen(server.collector !== null, "the server was started by somebody else")(
    "go from HTTP into the guest",
    async () => {
      const traceId = randomBytes(16).toString("hex");
      const id = await sandboxForTest();
      const headers = { traceparent: `00-${traceId}-b7ad6b7169203331-01` };
      const { json } = await api("POST", `/v1/sandboxes/${id}/exec`, { json: { cmd: "sleep 0.3" }, headers });
      expect(json.exit_code).toBe(0);
      let trace = new Trace([], traceId);
      await waitFor(
        async () => {
          const spans = (await (await fetch(server.collector!)).json()) as Span[];
          trace = new Trace(spans, traceId);
          return ["guest run", "POST /v1/sandboxes/{id}/exec", "POST /v1/sandboxes/:id/exec"].every((name) =>
            trace.spans.some((span) => span.name === name),
          );
        },
        { timeoutMs: 10_000, message: "the collector has not got the trace" },
      );
      const request = trace.one(CONTROL, "POST /v1/sandboxes/{id}/exec");
      const inHost = trace.one(HOST, "POST /v1/sandboxes/:id/exec");
      const inGuest = trace.one(HOST, "guest run");
      expect([inHost.parentSpanId, inGuest.parentSpanId]).toEqual([request.spanId, inHost.spanId]);
      expect(durationMs(inGuest)).toBeGreaterThanOrEqual(250);
      expect(durationMs(request)).toBeGreaterThanOrEqual(durationMs(inGuest));
    },
  );
});
