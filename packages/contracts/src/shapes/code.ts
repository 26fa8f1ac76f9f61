import { z } from "zod";
import { Env, GuestPath } from "../host/index.ts";
import { EXEC_TIMEOUT_LIMIT_SECONDS } from "../limits.ts";
import { ErrorReply } from "./failures.ts";

const Language = z
  .string()
  .min(1)
  .max(40)
  .describe("python, javascript, typescript or bash, or a usual short name of one (py, js, ts, sh). Default python.");
const Code = z.string();
const TimeoutMs = z
  .int()
  .min(0)
  .max(EXEC_TIMEOUT_LIMIT_SECONDS * 1000)
  .describe("0 or absent: none. On expiry the code is interrupted; its context stays, with its variables.");

export const RunCodeBody = z
  .object({
    code: Code,
    language: Language.nullish(),
    context_id: z.string().max(64).nullish().describe("Absent: the language's default context, made at first use."),
    env: Env.nullish().describe("For this cell alone."),
    timeout_ms: TimeoutMs.nullish(),
  })
  .meta({ id: "RunCodeRequest" });
export type RunCodeBody = z.infer<typeof RunCodeBody>;

/** What one cell showed, by kind; `extra` by media type. */
export const CodeResult = z
  .object({
    is_main_result: z.boolean().describe("Whether it is the value of the last expression; else it was displayed."),
    text: z.string().optional(),
    html: z.string().optional(),
    markdown: z.string().optional(),
    svg: z.string().optional(),
    png: z.string().optional().describe("base64"),
    jpeg: z.string().optional().describe("base64"),
    pdf: z.string().optional().describe("base64"),
    latex: z.string().optional(),
    json: z.unknown().optional(),
    javascript: z.string().optional(),
    data: z.record(z.string(), z.array(z.unknown())).optional().describe("A table's columns."),
    chart: z.record(z.string(), z.unknown()).optional().describe("What a figure shows, as numbers."),
    extra: z.record(z.string(), z.unknown()).optional(),
  })
  .meta({ id: "CodeResult" });
export type CodeResult = z.infer<typeof CodeResult>;

export const CodeError = z
  .object({ name: z.string(), value: z.string(), traceback: z.string() })
  .meta({ id: "CodeError" });
export type CodeError = z.infer<typeof CodeError>;

const executionFields = {
  context_id: z.string(),
  execution_count: z.int().describe("Cells that this context has run since it began, this one included."),
  results: z.array(CodeResult),
  stdout: z.string(),
  stderr: z.string(),
  exit_code: z.int().describe("0: no error. In bash, the last command's."),
  duration_ms: z.number(),
  truncated: z.boolean().describe("Whether there was more output than the workspace's limit; streams have none."),
};

export const CodeExecution = z
  .object({ ...executionFields, error: CodeError.nullable() })
  .meta({ id: "CodeExecution" });
export type CodeExecution = z.infer<typeof CodeExecution>;

export const CodeTimeoutReply = ErrorReply.extend(executionFields).meta({ id: "CodeTimeoutReply" });

export const CreateCodeContextBody = z
  .object({
    language: Language.nullish(),
    cwd: GuestPath.nullish().describe("Default: the user's home."),
    user: z.string().min(1).max(64).nullish().describe("Name or number; default root."),
    env: Env.nullish().describe("For all of its cells."),
  })
  .meta({ id: "CreateCodeContextRequest" });

export const CodeContext = z
  .object({
    id: z.string(),
    language: z.string(),
    cwd: z.string(),
    user: z.string(),
    created_at: z.string(),
    executions: z.int(),
    busy: z.boolean(),
    pid: z.int().nullable().describe("Of its kernel, inside; null until it is started again after its death."),
  })
  .meta({ id: "CodeContext" });
export type CodeContext = z.infer<typeof CodeContext>;

export const CodeContextList = z.object({ contexts: z.array(CodeContext) }).meta({ id: "CodeContextList" });

/** The same contexts, as clients of the published library know them. */
export const ReplSession = z
  .object({
    id: z.string(),
    session_id: z.string(),
    sandbox_id: z.string(),
    language: z.string(),
    created_at: z.string(),
    cells: z.int(),
  })
  .meta({ id: "ReplSession" });

export const CreateReplSessionBody = z
  .object({ language: Language.nullish() })
  .meta({ id: "CreateReplSessionRequest" });

export const RunReplCellBody = z
  .object({ code: Code, timeout_ms: TimeoutMs.nullish().describe("Default 30000.") })
  .meta({ id: "RunReplCellRequest" });

export const ReplExecution = z
  .object({
    results: z.array(z.record(z.string(), z.string())).describe("Each by media type; JSON as text."),
    stdout: z.string(),
    stderr: z.string(),
    exit: z.int(),
    exit_code: z.int(),
    duration_ms: z.number(),
    error: z.string().optional(),
  })
  .meta({ id: "ReplExecution" });
export type ReplExecution = z.infer<typeof ReplExecution>;

export const RunReplBody = z.object({ language: Language, code: Code }).meta({ id: "RunReplRequest" });

export const ReplReply = z
  .object({ language: z.string(), stdout: z.string(), stderr: z.string(), exit_code: z.int() })
  .meta({ id: "ReplReply" });
