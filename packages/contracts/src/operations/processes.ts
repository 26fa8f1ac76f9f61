import { z } from "zod";
import { ProcessList, Process, SignalRequest } from "../shapes/processes.ts";
import { Flag } from "../shapes/flags.ts";
import { empty, json, operation, optionalBody, sandboxParams, socket, stream } from "./operation.ts";

const TAG = "Processes";
const errors = [
  "sandbox.not_found",
  "sandbox.invalid_state",
  "sandbox.wake_failed",
  "sandbox.guest_unreachable",
  "process.not_found",
  "host.unavailable",
] as const;
const processParams = sandboxParams.extend({ pid: z.string().max(64).describe("The process's id, or its pid.") });

export const processOperations = {
  listProcesses: operation({
    method: "GET",
    path: "/v1/sandboxes/{id}/processes",
    tag: TAG,
    summary: "Processes that were started through the API.",
    role: "read",
    verb: "use",
    params: sandboxParams,
    replies: { 200: json(ProcessList, "Running ones, and those that ended lately.") },
    errors,
  }),
  getProcess: operation({
    method: "GET",
    path: "/v1/sandboxes/{id}/processes/{pid}",
    tag: TAG,
    summary: "One of them.",
    role: "read",
    verb: "use",
    params: processParams,
    replies: { 200: json(Process, "Process.") },
    errors,
  }),
  signalProcess: operation({
    method: "POST",
    path: "/v1/sandboxes/{id}/processes/{pid}/signal",
    tag: TAG,
    summary: "Send it and its group a signal.",
    role: "member",
    verb: "use",
    isActivity: true,
    params: processParams,
    body: optionalBody(SignalRequest),
    replies: { 204: empty("Sent.") },
    errors,
  }),
  streamProcess: operation({
    method: "GET",
    path: "/v1/sandboxes/{id}/processes/{pid}/stream",
    tag: TAG,
    summary: "Its recent output, then what comes, until it ends. Events as of exec/stream.",
    role: "member",
    verb: "use",
    isActivity: true,
    params: processParams,
    query: z.object({ replay: Flag }),
    replies: { 200: stream(["text/event-stream"], "Events.") },
    errors,
  }),
  attachProcess: operation({
    method: "GET",
    path: "/v1/sandboxes/{id}/processes/{pid}/ws",
    tag: TAG,
    summary: "Attach to it over a WebSocket. Messages as of processes/connect, from `event` on.",
    role: "member",
    verb: "use",
    isActivity: true,
    params: processParams,
    query: z.object({ replay: Flag }),
    replies: { 101: socket("See processes/connect.") },
    errors,
  }),
  connectProcess: operation({
    method: "GET",
    path: "/v1/sandboxes/{id}/processes/connect",
    tag: TAG,
    summary: "Start a command with all its streams, or attach to one, over a WebSocket.",
    description:
      'First message in: `{"exec":{cmd|argv, env, cwd, user, stdin, pty, timeout_seconds, tag, keep}}` or `{"attach":{id, replay}}`. Then in: binary = stdin; text = `{"signal"}`, `{"resize":{rows,cols}}`, `{"end_stdin":true}`. Out: binary = one byte (1 stdout, 2 stderr) and data; text = `{"event":…}`, then `{"result":{exit_code, signal, timed_out, duration_ms}}` or `{"error","code"}`. The process goes on when the connection is lost, unless `keep` is false: then it gets SIGHUP.',
    role: "member",
    verb: "use",
    isActivity: true,
    params: sandboxParams,
    replies: { 101: socket("Binary and text messages.") },
    errors,
  }),
};
