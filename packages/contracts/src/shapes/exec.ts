import { z } from "zod";
import { Flag } from "./flags.ts";
import { Env, GuestPath } from "../host/index.ts";
import { EXEC_TIMEOUT_LIMIT_SECONDS } from "../limits.ts";
import { ErrorReply } from "./failures.ts";

const commandFields = {
  timeout_seconds: z
    .number()
    .min(0)
    .max(EXEC_TIMEOUT_LIMIT_SECONDS)
    .nullish()
    .describe("0 or absent: none. On expiry the whole process group is killed."),
  env: Env.nullish(),
  cwd: GuestPath.nullish().describe("Default: the user's home."),
  user: z.string().min(1).max(64).nullish().describe("Name or number; default root."),
  tag: z.string().max(256).nullish().describe("Shown in the list of processes."),
};

const NO_NUL = /^[^\0]*$/;

export const ExecBody = z
  .object({
    cmd: z.string().min(1).regex(NO_NUL, "cannot contain a NUL character").describe("Run by `/bin/sh -c`."),
    ...commandFields,
    detach: z.boolean().nullish().describe("Answer at once with the process's id; it goes on in the background."),
  })
  .meta({ id: "ExecRequest" });
export type ExecBody = z.infer<typeof ExecBody>;

export const ExecReply = z
  .object({
    stdout: z.string(),
    stderr: z.string(),
    exit_code: z.int().describe("127: command not found. 128 + n: killed by signal n."),
    signal: z.string().nullable(),
    duration_ms: z.number(),
    stdout_truncated: z.boolean(),
    stderr_truncated: z.boolean(),
  })
  .meta({ id: "ExecReply" });
export type ExecReply = z.infer<typeof ExecReply>;

export const ExecDetachedReply = z
  .object({ id: z.string(), pid: z.int(), detached: z.literal(true) })
  .meta({ id: "ExecDetachedReply" });

export const ExecTimeoutReply = ErrorReply.extend({
  exit_code: z.literal(124),
  stdout: z.string(),
  stderr: z.string(),
  duration_ms: z.number(),
  stdout_truncated: z.boolean(),
  stderr_truncated: z.boolean(),
}).meta({ id: "ExecTimeoutReply" });

/** Query of a terminal. `cmd` runs instead of a login shell. */
export const TerminalQuery = z.object({
  rows: z.coerce.number().int().min(1).max(1000).optional(),
  cols: z.coerce.number().int().min(1).max(1000).optional(),
  cmd: z.string().regex(NO_NUL, "cannot contain a NUL character").optional(),
  user: z.string().min(1).max(64).optional(),
  cwd: GuestPath.optional(),
  protocol: z.enum(["text"]).optional().describe('Ask for a last text message `{"exit":N}`.'),
  keep: Flag.describe("Leave the process running when this connection is lost."),
});
export type TerminalQuery = z.infer<typeof TerminalQuery>;

/** First message on `processes/connect`: start a command with every stream open, or attach to a running one. */
export const ProcessConnectMessage = z.union([
  z.object({
    exec: z
      .object({
        cmd: z.string().min(1).regex(NO_NUL).optional(),
        argv: z.array(z.string().regex(NO_NUL)).min(1).optional(),
        ...commandFields,
        stdin: z.boolean().nullish(),
        pty: z.object({ rows: z.int().min(1).max(1000), cols: z.int().min(1).max(1000) }).nullish(),
        keep: z
          .boolean()
          .nullish()
          .describe("Default true: it goes on when the connection is lost. false: SIGHUP then, as terminals get it."),
      })
      .refine((exec) => (exec.cmd === undefined) !== (exec.argv === undefined), "one of cmd and argv"),
  }),
  z.object({ attach: z.object({ id: z.union([z.string(), z.int()]), replay: z.boolean().optional() }) }),
]);
export type ProcessConnectMessage = z.infer<typeof ProcessConnectMessage>;
