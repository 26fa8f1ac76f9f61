import { TimeoutError } from "@pandastack/sdk";
import { z } from "zod";
import { COMMAND_TIMEOUT_DEFAULT_SECONDS, COMMAND_TIMEOUT_LIMIT_SECONDS, OUTPUT_LIMIT_CHARACTERS } from "../limits.ts";
import { boundText } from "../text.ts";
import { sandboxTool } from "../tool.ts";

export const commandTool = sandboxTool({
  name: "run_command",
  title: "Run a command",
  description: [
    "Run a shell command (/bin/sh -c, as root, in /root) in a sandbox and get its exit code and output.",
    `Of each stream at most ${OUTPUT_LIMIT_CHARACTERS} characters come back, the beginning and the end: send long output`,
    "to a file and read that with read_file or search. For what goes on running (a server), end the command with `&`",
    "and send its output to a file.",
  ].join(" "),
  input: z.object({
    command: z.string().min(1).optional().describe("The command."),
    cmd: z.string().min(1).optional().describe("Another name of `command`."),
    timeout_seconds: z
      .number()
      .positive()
      .max(COMMAND_TIMEOUT_LIMIT_SECONDS)
      .default(COMMAND_TIMEOUT_DEFAULT_SECONDS)
      .describe("It is killed then."),
    cwd: z.string().optional().describe("Folder that it runs in. Default /root."),
    env: z.record(z.string(), z.string()).optional(),
    user: z.string().optional().describe("Default root."),
  }),
  effect: "changes",
  run: async ({ command, cmd, timeout_seconds: seconds, ...rest }, sandbox, signal) => {
    const text = command ?? cmd;
    if (text === undefined) return { text: "command is missing", isError: true };
    try {
      const result = await sandbox.commands.run(text, { ...rest, timeoutMs: seconds * 1000, signal });
      return { text: describeRun(`exit code ${result.exitCode}`, result) };
    } catch (error) {
      if (!(error instanceof TimeoutError) || error.code !== "exec.timeout") throw error;
      return {
        text: `killed: it ran longer than ${seconds} s. Raise timeout_seconds, or run it with &.`,
        isError: true,
      };
    }
  },
});

/** What a model reads of a command: how it ended, then what it wrote, where it wrote something. */
export function describeRun(ended: string, { stdout, stderr }: { stdout: string; stderr: string }): string {
  const parts = [ended];
  if (stdout !== "") parts.push(boundText(stdout));
  if (stderr !== "") parts.push(`[stderr]\n${boundText(stderr)}`);
  return parts.join("\n");
}
