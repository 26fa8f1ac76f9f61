import { z } from "zod";
import { CodeError, CodeResult, type CodeExecution, type ReplExecution } from "@pandastack/contracts";
import type { Line } from "./ask.ts";

const Text = z.object({ text: z.string() });
const Began = z.object({ execution_count: z.int(), context_id: z.string() });
const Ended = z.object({ exit_code: z.int(), timed_out: z.boolean(), duration_ms: z.number() });

export type Collected = CodeExecution & { readonly timedOut: boolean };

/** All of what a cell said, up to `limitBytes` of each kind; more is read and dropped, and the answer says so. */
export async function collect(lines: AsyncIterable<Line>, limitBytes: number): Promise<Collected> {
  const output = { stdout: new BoundedText(limitBytes), stderr: new BoundedText(limitBytes) };
  const results: CodeResult[] = [];
  let began = { execution_count: 0, context_id: "" };
  let ended = { exit_code: 1, timed_out: false, duration_ms: 0 };
  let error: CodeError | null = null;
  let resultBytes = 0;
  let truncated = false;
  for await (const { message, text } of lines) {
    switch (message.type) {
      case "number_of_executions":
        began = Began.parse(message);
        break;
      case "stdout":
      case "stderr":
        output[message.type].add(Text.parse(message).text);
        break;
      case "result":
        resultBytes += text.length;
        if (resultBytes > limitBytes) truncated = true;
        else results.push(CodeResult.parse(message));
        break;
      case "error":
        error = CodeError.parse(message);
        break;
      case "end_of_execution":
        ended = Ended.parse(message);
        break;
    }
  }
  const { timed_out: timedOut, ...rest } = ended;
  return {
    ...began,
    results,
    stdout: output.stdout.text,
    stderr: output.stderr.text,
    ...rest,
    truncated: truncated || output.stdout.isTruncated || output.stderr.isTruncated,
    error,
    timedOut,
  };
}

class BoundedText {
  readonly #limit: number;
  text = "";
  isTruncated = false;

  constructor(limit: number) {
    this.#limit = limit;
  }

  add(text: string): void {
    const room = this.#limit - this.text.length;
    if (text.length > room) this.isTruncated = true;
    this.text += text.slice(0, Math.max(0, room));
  }
}

const MEDIA_TYPES: Partial<Record<keyof CodeResult, string>> = {
  text: "text/plain",
  html: "text/html",
  markdown: "text/markdown",
  svg: "image/svg+xml",
  png: "image/png",
  jpeg: "image/jpeg",
  pdf: "application/pdf",
  latex: "text/latex",
  json: "application/json",
  javascript: "application/javascript",
};

/** As the published client reads it: results by media type, JSON as text, the traceback where errors are printed. */
export function asReplExecution(execution: CodeExecution): ReplExecution {
  const { error, exit_code, duration_ms } = execution;
  return {
    results: execution.results.map(byMediaType),
    stdout: execution.stdout,
    stderr: error === null ? execution.stderr : `${execution.stderr}${error.traceback}\n`,
    exit: exit_code,
    exit_code,
    duration_ms,
    ...(error === null ? {} : { error: error.value === "" ? error.name : `${error.name}: ${error.value}` }),
  };
}

function byMediaType(result: CodeResult): Record<string, string> {
  const bundle: Record<string, string> = {};
  for (const [field, mediaType] of Object.entries(MEDIA_TYPES)) {
    const content = result[field as keyof CodeResult];
    if (content !== undefined)
      bundle[mediaType] = typeof content === "string" && field !== "json" ? content : JSON.stringify(content);
  }
  for (const [mediaType, content] of Object.entries(result.extra ?? {}))
    bundle[mediaType] = typeof content === "string" ? content : JSON.stringify(content);
  return bundle;
}
