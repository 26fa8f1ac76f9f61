import { z } from "zod";
import {
  CodeContext,
  CodeContextList,
  CodeExecution,
  CodeTimeoutReply,
  CreateCodeContextBody,
  CreateReplSessionBody,
  ReplExecution,
  ReplReply,
  ReplSession,
  RunCodeBody,
  RunReplBody,
  RunReplCellBody,
} from "../shapes/code.ts";
import { empty, json, operation, optionalBody, sandboxParams, stream } from "./operation.ts";

const TAG = "Code";
const errors = [
  "sandbox.not_found",
  "sandbox.invalid_state",
  "sandbox.wake_failed",
  "sandbox.guest_unreachable",
  "code.unavailable",
  "code.language_unavailable",
  "code.context_not_found",
  "code.context_busy",
  "code.too_many_contexts",
  "code.kernel_failed",
  "guest.user_not_found",
  "guest.cwd_not_found",
  "host.unavailable",
] as const;
const contextParams = sandboxParams.extend({ context: z.string().max(64) });
const sessionParams = sandboxParams.extend({ session: z.string().max(64) });
const use = { tag: TAG, role: "member", verb: "use", isActivity: true, errors } as const;
const look = { ...use, role: "read", isActivity: false } as const;

export const codeOperations = {
  runCode: operation({
    ...use,
    method: "POST",
    path: "/v1/sandboxes/{id}/code/run",
    summary: "Run code in a context and wait for it.",
    description:
      "Variables stay for the next cell of the same context. A caller that goes away interrupts its code. Code that fails is a 200 with `error`.",
    params: sandboxParams,
    body: RunCodeBody,
    replies: {
      200: json(CodeExecution, "The code has ended, well or not."),
      504: json(CodeTimeoutReply, "It ran into its `timeout_ms` and was interrupted."),
    },
    errors: [...errors, "exec.timeout"],
  }),
  runCodeStream: operation({
    ...use,
    method: "POST",
    path: "/v1/sandboxes/{id}/code/stream",
    summary: "Run code and get what it says as it comes.",
    description:
      'One JSON object a line, ASCII: `{"type":"number_of_executions","execution_count","context_id"}`, then `stdout` and `stderr` with `text` and `timestamp`, `result` with the fields of CodeResult, at most one `error` with `name`, `value`, `traceback`, and last `{"type":"end_of_execution","exit_code","timed_out","duration_ms"}`. `{"type":"keepalive"}` in silence. `{"type":"failed","error","code"}` last, where the connection to the code is lost. A caller that goes away interrupts its code.',
    params: sandboxParams,
    body: RunCodeBody,
    replies: { 200: stream(["application/x-ndjson"], "Lines.") },
  }),
  createCodeContext: operation({
    ...use,
    method: "POST",
    path: "/v1/sandboxes/{id}/code/contexts",
    summary: "A context of its own: a kernel with variables that nobody else sees.",
    params: sandboxParams,
    body: optionalBody(CreateCodeContextBody),
    replies: { 201: json(CodeContext, "It is ready for code.") },
  }),
  listCodeContexts: operation({
    ...look,
    method: "GET",
    path: "/v1/sandboxes/{id}/code/contexts",
    summary: "Contexts, oldest first; default ones are among them once they were used.",
    params: sandboxParams,
    replies: { 200: json(CodeContextList, "Contexts.") },
  }),
  restartCodeContext: operation({
    ...use,
    method: "POST",
    path: "/v1/sandboxes/{id}/code/contexts/{context}/restart",
    summary: "A new kernel under the same id, without variables. Code that runs in it ends with an error.",
    params: contextParams,
    replies: { 200: json(CodeContext, "It is ready for code.") },
  }),
  interruptCodeContext: operation({
    ...use,
    method: "POST",
    path: "/v1/sandboxes/{id}/code/contexts/{context}/interrupt",
    summary: "Interrupt what runs in it, as Ctrl-C would.",
    params: contextParams,
    replies: { 204: empty("It was told.") },
  }),
  deleteCodeContext: operation({
    ...use,
    method: "DELETE",
    path: "/v1/sandboxes/{id}/code/contexts/{context}",
    summary: "End it and free its memory.",
    params: contextParams,
    replies: { 204: empty("It is gone.") },
  }),

  createReplSession: operation({
    ...use,
    method: "POST",
    path: "/v1/sandboxes/{id}/repl/sessions",
    summary: "A code context, as the published client asks for it.",
    params: sandboxParams,
    body: optionalBody(CreateReplSessionBody),
    replies: { 201: json(ReplSession, "It is ready for code.") },
  }),
  listReplSessions: operation({
    ...look,
    method: "GET",
    path: "/v1/sandboxes/{id}/repl/sessions",
    summary: "All code contexts.",
    params: sandboxParams,
    replies: { 200: json(z.array(ReplSession), "Sessions, oldest first.") },
  }),
  runReplCell: operation({
    ...use,
    method: "POST",
    path: "/v1/sandboxes/{id}/repl/sessions/{session}/run",
    summary: "Run code in one, with results by media type.",
    description: 'Beyond `timeout_ms` (default 30000): 504 whose text begins with "cell timeout".',
    params: sessionParams,
    body: RunReplCellBody,
    replies: { 200: json(ReplExecution, "The code has ended, well or not.") },
    errors: [...errors, "exec.timeout"],
  }),
  deleteReplSession: operation({
    ...use,
    method: "DELETE",
    path: "/v1/sandboxes/{id}/repl/sessions/{session}",
    summary: "End a session, and free its memory.",
    params: sessionParams,
    replies: { 204: empty("It is gone.") },
  }),
  runRepl: operation({
    ...use,
    method: "POST",
    path: "/v1/sandboxes/{id}/repl",
    summary: "Run code in a language's default context, and get what it printed.",
    params: sandboxParams,
    body: RunReplBody,
    replies: { 200: json(ReplReply, "The code has ended, well or not.") },
  }),
  listReplLanguages: operation({
    tag: TAG,
    method: "GET",
    path: "/v1/repl/languages",
    summary: "Languages that there are kernels for.",
    role: "read",
    replies: { 200: json(z.object({ languages: z.array(z.string()) }), "Languages.") },
  }),
};
