import { ConnectionError, errorOfBody, TimeoutError } from "../errors/errors.ts";
import type { CodeResultInfo } from "../types.ts";

/** Why code ended before its end. */
export interface CodeFailure {
  name: string;
  value: string;
  traceback: string;
}

/** What running code says, in order. */
export type CodeEvent =
  | { type: "started"; executionCount: number; contextId: string }
  | { type: "stdout"; text: string }
  | { type: "stderr"; text: string }
  | { type: "result"; result: CodeResultInfo }
  | { type: "error"; error: CodeFailure }
  /** Always the last one. */
  | { type: "end"; exitCode: number; durationMs: number };

/** A cell that has ended, well or not. */
export interface Execution {
  /** What it displayed, and last the value of its last expression (`is_main_result`). */
  results: CodeResultInfo[];
  stdout: string;
  stderr: string;
  /** undefined: it ended well. */
  error?: CodeFailure | undefined;
  /** 0: no error. In bash, of the last command. */
  exitCode: number;
  /** The value of the last expression, as text. */
  text?: string | undefined;
  executionCount: number;
  contextId: string;
  durationMs: number;
}

/** For those who would rather be called while it runs. */
export interface CodeCallbacks {
  onStdout?: ((text: string) => unknown) | undefined;
  onStderr?: ((text: string) => unknown) | undefined;
  onResult?: ((result: CodeResultInfo) => unknown) | undefined;
  onError?: ((error: CodeFailure) => unknown) | undefined;
}

/** As of commands: code that never stops talking must not take this program's memory. */
const OUTPUT_LIMIT_CHARACTERS = 16 * 1024 * 1024;

export async function collectExecution(events: AsyncIterable<CodeEvent>, callbacks: CodeCallbacks): Promise<Execution> {
  const execution: Execution = {
    ...{ results: [], stdout: "", stderr: "", exitCode: -1 },
    ...{ executionCount: 0, contextId: "", durationMs: 0 },
  };
  for await (const event of events) {
    switch (event.type) {
      case "started":
        execution.executionCount = event.executionCount;
        execution.contextId = event.contextId;
        break;
      case "stdout":
      case "stderr":
        execution[event.type] += event.text.slice(0, OUTPUT_LIMIT_CHARACTERS - execution[event.type].length);
        await (event.type === "stdout" ? callbacks.onStdout : callbacks.onStderr)?.(event.text);
        break;
      case "result":
        execution.results.push(event.result);
        if (event.result.is_main_result) execution.text = event.result.text;
        await callbacks.onResult?.(event.result);
        break;
      case "error":
        execution.error = event.error;
        await callbacks.onError?.(event.error);
        break;
      case "end":
        execution.exitCode = event.exitCode;
        execution.durationMs = event.durationMs;
    }
  }
  return execution;
}

type Message = { type: string; [key: string]: unknown };

/** The server's lines as events; others (signs of life, what newer servers say) are passed over. */
export async function* codeEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<CodeEvent, void> {
  for await (const line of linesOf(body)) {
    const message = JSON.parse(line) as Message;
    if (message.type === "failed") throw errorOfBody(message);
    if (message.type === "end_of_execution" && message["timed_out"] === true)
      throw new TimeoutError("the code ran into its time limit and was interrupted; its context stays", {
        code: "exec.timeout",
        status: 504,
      });
    const event = toEvent(message);
    if (event === undefined) continue;
    yield event;
    if (event.type === "end") return;
  }
  throw new ConnectionError("the connection broke while the code ran; it was interrupted", {
    code: "client.connection",
  });
}

function toEvent(message: Message): CodeEvent | undefined {
  switch (message.type) {
    case "number_of_executions":
      return {
        type: "started",
        executionCount: Number(message["execution_count"]),
        contextId: String(message["context_id"]),
      };
    case "stdout":
    case "stderr":
      return { type: message.type, text: String(message["text"]) };
    case "result": {
      const { type: _, ...result } = message;
      return { type: "result", result: result as unknown as CodeResultInfo };
    }
    case "error": {
      const { name, value, traceback } = message;
      return { type: "error", error: { name, value, traceback } as CodeFailure };
    }
    case "end_of_execution":
      return { type: "end", exitCode: Number(message["exit_code"]), durationMs: Number(message["duration_ms"]) };
    default:
      return undefined;
  }
}

async function* linesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string, void> {
  const decoder = new TextDecoder();
  let pending: string[] = [];
  for await (const chunk of body) {
    const lines = decoder.decode(chunk, { stream: true }).split("\n");
    const last = lines.pop()!;
    for (const line of lines) {
      yield pending.join("") + line;
      pending = [];
    }
    if (last !== "") pending.push(last);
  }
}
