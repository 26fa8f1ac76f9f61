import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "./logger.ts";
import type { StepTime } from "./step-times.ts";

/** A stop waits for the last spans this long; a collector that is away holds nobody up. */
const FLUSH_LIMIT_MS = 2000;

export type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

/** A piece of work on the way of one request. */
export interface TraceSpan {
  /** W3C trace context of what is done under it: https://www.w3.org/TR/trace-context/ */
  readonly traceparent: string;
  rename(name: string): void;
  describe(attributes: SpanAttributes): void;
  /** Spans of their own, under it, for the steps of this process. */
  addSteps(steps: readonly StepTime[]): void;
  /** `failure`: what went wrong, in words; undefined where it went well. */
  end(failure?: string): void;
}

export interface SpanOptions {
  readonly kind: "server" | "client";
  /** Of whoever asked. What cannot be read, or is missing, begins a trace. */
  readonly traceparent?: string | undefined;
  readonly attributes?: SpanAttributes;
}

export interface Tracer {
  begin(name: string, options: SpanOptions): TraceSpan;
  stop(): Promise<void>;
}

let tracer: Tracer | undefined;

/**
 * From here on spans go to the collector at OTEL_EXPORTER_OTLP_ENDPOINT (OTLP over HTTP). Where that is unset nothing of
 * OpenTelemetry is even loaded. Answers with what sends the last spans, and ends it.
 */
export async function startTracing(
  service: string,
  log: Logger,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<() => Promise<void>> {
  const endpoint = env["OTEL_EXPORTER_OTLP_ENDPOINT"]?.trim() ?? "";
  if (endpoint === "") return async () => {};
  if (!URL.canParse(endpoint)) {
    log.warn({ endpoint }, "tracing: OTEL_EXPORTER_OTLP_ENDPOINT is no URL; nothing is traced");
    return async () => {};
  }
  const { openTracer } = await import("./open-telemetry.ts");
  const opened = openTracer(service, endpoint);
  tracer = opened;
  return async () => {
    if (tracer === opened) tracer = undefined;
    const flushed = opened.stop().catch((error: unknown) => log.debug({ err: error }, "tracing: spans were lost"));
    await Promise.race([flushed, delay(FLUSH_LIMIT_MS, undefined, { ref: false })]);
  };
}

/** Undefined while nothing is traced. */
export function beginSpan(name: string, options: SpanOptions): TraceSpan | undefined {
  return tracer?.begin(name, options);
}
