import { z } from "zod";
import { ExecBody, ExecDetachedReply, ExecReply, ExecTimeoutReply, TerminalQuery } from "../shapes/exec.ts";
import { json, operation, sandboxParams, socket, stream } from "./operation.ts";

const TAG = "Commands";
const errors = [
  "sandbox.not_found",
  "sandbox.invalid_state",
  "sandbox.wake_failed",
  "sandbox.guest_unreachable",
  "guest.user_not_found",
  "guest.cwd_not_found",
  "guest.too_many_processes",
  "host.unavailable",
] as const;

export const execOperations = {
  exec: operation({
    method: "POST",
    path: "/v1/sandboxes/{id}/exec",
    tag: TAG,
    summary: "Run a command and wait for it.",
    description: "A caller that goes away leaves the command running.",
    role: "member",
    verb: "use",
    isActivity: true,
    params: sandboxParams,
    body: ExecBody,
    replies: {
      200: json(ExecReply, "The command has ended, well or not."),
      202: json(ExecDetachedReply, "With `detach`: it runs."),
      504: json(ExecTimeoutReply, "It ran into its `timeout_seconds` and was killed."),
    },
    errors: [...errors, "exec.timeout"],
  }),
  execStream: operation({
    method: "POST",
    path: "/v1/sandboxes/{id}/exec/stream",
    tag: TAG,
    summary: "Run a command and get its output as it comes.",
    description:
      'Server-sent events: `stdout` and `stderr` with `{"chunk"}`, then one of `exit` with `{"exit_code"}` and `error` with `{"error"}`. Comment frames are heartbeats. The header `x-pandastack-process` has the process\'s id. A caller that goes away leaves the command running.',
    role: "member",
    verb: "use",
    isActivity: true,
    params: sandboxParams,
    body: ExecBody,
    replies: { 200: stream(["text/event-stream"], "Events.") },
    errors,
  }),
  execSocket: operation({
    method: "GET",
    path: "/v1/sandboxes/{id}/exec/ws",
    tag: TAG,
    summary: "Many commands over one WebSocket.",
    description:
      'In: `{id, cmd, timeout_seconds?, env?, cwd?, user?}` or `{id, cancel: true}`. Out: `{id, stream: "stdout"|"stderr", data}`, then `{id, exit}` or `{id, error}`.',
    role: "member",
    verb: "use",
    isActivity: true,
    params: sandboxParams,
    replies: { 101: socket("Text messages, JSON.") },
    errors,
  }),
  openTerminal: operation({
    method: "GET",
    path: "/v1/sandboxes/{id}/exec/pty",
    tag: TAG,
    summary: "A terminal over a WebSocket.",
    description:
      'In: binary = input; text = `{"resize":{"rows","cols"}}`, `{"type":"resize","rows","cols"}` or `{"stdin":"…"}`. Out: binary. It ends with close code 1000; with `?protocol=text` after a text message `{"exit":N}`. The shell gets SIGHUP when the connection is lost, unless `keep`.',
    role: "member",
    verb: "use",
    isActivity: true,
    params: sandboxParams,
    query: TerminalQuery,
    replies: { 101: socket("Binary messages.") },
    errors,
  }),
  openSsh: operation({
    method: "GET",
    path: "/v1/sandboxes/{id}/ssh",
    tag: TAG,
    summary: "The same terminal, at the address that command lines use.",
    role: "member",
    verb: "use",
    isActivity: true,
    params: sandboxParams,
    query: TerminalQuery.extend({ access_token: z.string().optional() }),
    replies: { 101: socket("Binary messages.") },
    errors,
  }),
};
