import { z } from "zod";
import type { CodeContext } from "@pandastack/contracts";
import { Refusal } from "@pandastack/platform";
import type { Handlers, Principal } from "../calls/call.ts";
import type { SandboxRow } from "../persistence/tables.ts";
import { onSandbox } from "../sandboxes/entry.ts";
import type { SandboxParts } from "../sandboxes/parts.ts";
import { Interpreters, type InterpreterRequest, type Line } from "./ask.ts";
import { asReplExecution, collect, type Collected } from "./execution.ts";
import { KEEPALIVE_LIMIT_MS, lineStream } from "./stream.ts";

type Operations =
  | "runCode"
  | "runCodeStream"
  | "createCodeContext"
  | "listCodeContexts"
  | "restartCodeContext"
  | "interruptCodeContext"
  | "deleteCodeContext"
  | "createReplSession"
  | "listReplSessions"
  | "runReplCell"
  | "deleteReplSession"
  | "runRepl"
  | "listReplLanguages";

/** The published client stops waiting after 30 s. */
const REPL_TIMEOUT_MS = 30_000;
const LANGUAGES = ["python", "javascript", "typescript", "bash"];

const Info = z
  .object({
    id: z.string(),
    language: z.string(),
    cwd: z.string(),
    user: z.string(),
    created_at: z.number(),
    executions: z.int(),
    busy: z.boolean(),
    pid: z.int().nullable(),
  })
  .transform((info): CodeContext => ({ ...info, created_at: new Date(info.created_at * 1000).toISOString() }));

export function codeHandlers(parts: SandboxParts): Pick<Handlers, Operations> {
  const interpreters = new Interpreters(parts.host);
  const answer = (row: SandboxRow, request: InterpreterRequest, signal: AbortSignal) =>
    interpreters.answer(row.id, request, signal);
  const context = async (row: SandboxRow, request: InterpreterRequest, signal: AbortSignal) =>
    Info.parse((await answer(row, request, signal))["context"]);
  const contexts = async (row: SandboxRow, signal: AbortSignal) =>
    z.array(Info).parse((await interpreters.look(row.id, { op: "list" }, signal))?.["contexts"] ?? []);
  const run = async (
    { principal, signal }: { principal: Principal; signal: AbortSignal },
    row: SandboxRow,
    request: object,
  ): Promise<Collected> =>
    collect(interpreters.ask(row.id, { op: "run", ...request }, signal), principal.limits.output_bytes);

  return {
    runCode: onSandbox(parts, "runCode", async (call, row) => {
      const { timedOut, ...execution } = await run(call, row, call.body);
      if (!timedOut) return { status: 200, body: execution };
      const { error: _, ...partial } = execution;
      const refusal = { error: timeoutText(call.body.timeout_ms), code: "exec.timeout", retryable: false } as const;
      return { status: 504, body: { ...refusal, request_id: call.requestId, ...partial } };
    }),
    runCodeStream: onSandbox(parts, "runCodeStream", async ({ body, signal, heartbeatMs }, row) => {
      const lines = interpreters.ask(row.id, { op: "run", ...body }, signal);
      // Nothing is answered before the code has its turn: until then refusals are statuses.
      const first = await lines.next();
      const stream = lineStream(beginWith(first, lines), Math.min(heartbeatMs, KEEPALIVE_LIMIT_MS));
      return { status: 200, mediaType: "application/x-ndjson", stream };
    }),

    createCodeContext: onSandbox(parts, "createCodeContext", async ({ body, signal }, row) => ({
      status: 201,
      body: await context(row, { op: "create", ...body }, signal),
    })),
    listCodeContexts: onSandbox(parts, "listCodeContexts", async ({ signal }, row) => ({
      status: 200,
      body: { contexts: await contexts(row, signal) },
    })),
    restartCodeContext: onSandbox(parts, "restartCodeContext", async ({ params, signal }, row) => ({
      status: 200,
      body: await context(row, { op: "restart", context_id: params.context }, signal),
    })),
    interruptCodeContext: onSandbox(parts, "interruptCodeContext", async ({ params, signal }, row) => {
      await answer(row, { op: "interrupt", context_id: params.context }, signal);
      return { status: 204 };
    }),
    deleteCodeContext: onSandbox(parts, "deleteCodeContext", async ({ params, signal }, row) => {
      await answer(row, { op: "delete", context_id: params.context }, signal);
      return { status: 204 };
    }),

    createReplSession: onSandbox(parts, "createReplSession", async ({ body, signal }, row) => ({
      status: 201,
      body: asSession(row, await context(row, { op: "create", ...body }, signal)),
    })),
    listReplSessions: onSandbox(parts, "listReplSessions", async ({ signal }, row) => ({
      status: 200,
      body: (await contexts(row, signal)).map((one) => asSession(row, one)),
    })),
    runReplCell: onSandbox(parts, "runReplCell", async (call, row) => {
      const { code, timeout_ms } = call.body;
      const timeoutMs = timeout_ms ?? REPL_TIMEOUT_MS;
      const execution = await run(call, row, { code, timeout_ms: timeoutMs, context_id: call.params.session });
      if (execution.timedOut) throw new Refusal("exec.timeout", timeoutText(timeoutMs));
      return { status: 200, body: asReplExecution(execution) };
    }),
    deleteReplSession: onSandbox(parts, "deleteReplSession", async ({ params, signal }, row) => {
      await answer(row, { op: "delete", context_id: params.session }, signal);
      return { status: 204 };
    }),
    runRepl: onSandbox(parts, "runRepl", async (call, row) => {
      const { stdout, stderr, exit_code } = asReplExecution(await run(call, row, call.body));
      return { status: 200, body: { language: call.body.language, stdout, stderr, exit_code } };
    }),
    listReplLanguages: async () => ({ status: 200, body: { languages: LANGUAGES } }),
  };
}

async function* beginWith(first: IteratorResult<Line>, lines: AsyncGenerator<Line>): AsyncGenerator<Line> {
  try {
    if (first.done !== true) yield first.value;
    yield* lines;
  } finally {
    await lines.return(undefined);
  }
}

/** Begins with "cell timeout": that is what clients recognise it by. */
const timeoutText = (timeoutMs: number | null | undefined) => `cell timeout after ${(timeoutMs ?? 0) / 1000}s`;

const asSession = (row: SandboxRow, { id, language, created_at, executions }: CodeContext) => ({
  id,
  session_id: id,
  sandbox_id: row.id,
  language,
  created_at,
  cells: executions,
});
