import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "./logger.ts";
import type { StepTime } from "./step-times.ts";

/** A stop waits for the last spans this long; a collector that is away holds nobody up. */
const FLUSH_LIMIT_MS = 2000;
const DELAY_MS = 5000;
const LONGEST_DELAY_MS = 60_000;

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

export interface TraceSettings {
  readonly endpoint: string;
  /** Of the traces that begin here, how many are sent: 0 to 1. Whoever asked decides about the others. */
  readonly share: number;
  /** How long spans are gathered before they are sent. */
  readonly delayMs: number;
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
  const settings = readTraceSettings(env, log);
  if (settings === undefined) return async () => {};
  const { openTracer } = await import("./open-telemetry.ts");
  const opened = openTracer(service, settings);
  tracer = opened;
  return async () => {
    if (tracer === opened) tracer = undefined;
    const flushed = opened.stop().catch((error: unknown) => log.debug({ err: error }, "tracing: spans were lost"));
    await Promise.race([flushed, delay(FLUSH_LIMIT_MS, undefined, { ref: false })]);
  };
}

/** The variables' names and values are OpenTelemetry's: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ */
function readTraceSettings(env: Readonly<Record<string, string | undefined>>, log: Logger): TraceSettings | undefined {
  const endpoint = env["OTEL_EXPORTER_OTLP_ENDPOINT"]?.trim() ?? "";
  if (endpoint === "") return undefined;
  if (!URL.canParse(endpoint)) {
    log.warn({ endpoint }, "tracing: OTEL_EXPORTER_OTLP_ENDPOINT is no URL; nothing is traced");
    return undefined;
  }
  const number = (name: string, max: number, otherwise: number): number => {
    const text = env[name]?.trim() ?? "";
    const value = Number(text);
    if (text !== "" && value >= 0 && value <= max) return value;
    if (text !== "") log.warn({ [name]: text }, `tracing: ${name} is a number from 0 to ${max}; it is ${otherwise}`);
    return otherwise;
  };
  const hasShare = env["OTEL_TRACES_SAMPLER"]?.trim() === "parentbased_traceidratio";
  return {
    endpoint,
    share: hasShare ? number("OTEL_TRACES_SAMPLER_ARG", 1, 1) : 1,
    delayMs: number("OTEL_BSP_SCHEDULE_DELAY", LONGEST_DELAY_MS, DELAY_MS),
  };
}

/** Undefined while nothing is traced. */
export function beginSpan(name: string, options: SpanOptions): TraceSpan | undefined {
  return tracer?.begin(name, options);
}
