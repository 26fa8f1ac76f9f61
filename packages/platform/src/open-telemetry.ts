import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, type Context, type HrTime } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { resourceFromAttributes } from "@opentelemetry/resources";
import {
  BatchSpanProcessor,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import type { SpanOptions, Tracer, TraceSettings, TraceSpan } from "./tracing.ts";

/** A wall clock that was set since the process began differs by more from what our steady clock makes of it. */
const CLOCK_STEP_MS = 50;
const TRACEPARENT = /^(?!ff)[\da-f]{2}-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(?:$|-)/;
const NOTHING = /^0+$/;

/** Loaded by `startTracing` alone: whoever imports this imports all of OpenTelemetry. */
export function openTracer(service: string, settings: TraceSettings): Tracer {
  const { endpoint, share, delayMs } = settings;
  const url = `${endpoint.replace(/\/+$/, "")}/v1/traces`;
  const provider = new TracerProvider({
    resource: resourceFromAttributes({ "service.name": service }),
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(share) }),
    spanProcessors: [
      new BatchSpanProcessor({ exporter: new OTLPTraceExporter({ url }), scheduledDelayMillis: delayMs }),
    ],
  });
  const spans = provider.getTracer("pandastack");

  const begin = (name: string, { kind, traceparent, attributes }: SpanOptions): TraceSpan => {
    const span = spans.startSpan(
      name,
      {
        kind: kind === "server" ? SpanKind.SERVER : SpanKind.CLIENT,
        ...(attributes === undefined ? {} : { attributes }),
      },
      contextOf(traceparent),
    );
    const { traceId, spanId, traceFlags } = span.spanContext();
    return {
      traceparent: `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`,
      rename: (to) => void span.updateName(to),
      describe: (more) => void span.setAttributes(more),
      addSteps: (steps) => {
        const under = trace.setSpan(ROOT_CONTEXT, span);
        for (const { name: step, ms, endedAt } of steps) {
          if (endedAt === undefined) continue;
          spans.startSpan(step, { startTime: wallClock(endedAt - ms) }, under).end(wallClock(endedAt));
        }
      },
      end: (failure) => {
        if (failure !== undefined) span.setStatus({ code: SpanStatusCode.ERROR, message: failure });
        span.end();
      },
    };
  };
  return { begin, stop: () => provider.shutdown() };
}

/** The caller's span as a parent, where there is one. */
function contextOf(traceparent: string | undefined): Context {
  const [, traceId, spanId, flags] = TRACEPARENT.exec(traceparent ?? "") ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return ROOT_CONTEXT;
  if (NOTHING.test(traceId) || NOTHING.test(spanId)) return ROOT_CONTEXT;
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags: parseInt(flags, 16) & 1, isRemote: true });
}

/** Seconds and nanoseconds since 1970 of a time on the clock of `performance.now()`. */
function wallClock(steadyMs: number): HrTime {
  const now = performance.now();
  const isSteady = Math.abs(performance.timeOrigin + now - Date.now()) < CLOCK_STEP_MS;
  const ms = steadyMs + (isSteady ? performance.timeOrigin : Date.now() - now);
  const seconds = Math.floor(ms / 1000);
  return [seconds, Math.floor((ms - seconds * 1000) * 1e6)];
}
