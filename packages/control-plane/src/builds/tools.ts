import { Refusal } from "@pandastack/platform";
import type { GuestClient } from "../hosts/guest.ts";

/** Of one tool, in a machine that may be emulated. */
export const TOOL_TIMEOUT_MS = 1_800_000;
const SAID_LIMIT_CHARACTERS = 500;
const NOT_FOUND = 127;

/** Keeps the end of what a program says. */
export const tail = (said: string, more: Uint8Array): string =>
  (said + Buffer.from(more).toString("utf8")).slice(-SAID_LIMIT_CHARACTERS);

export const toolFailed = (argv: readonly string[], what: string, exitCode: number, said: string): Refusal =>
  new Refusal(
    "exec.bad_request",
    exitCode === NOT_FOUND
      ? `${what} needs the program ${argv[0]}, which is not there; install it in an earlier step`
      : `${what} failed: ${said.trim() || `${argv[0]} ended with exit code ${exitCode}`}`,
  );

/** Runs a program of the machine's own and answers what it printed; fails unless it ends with 0. */
export async function runTool(
  guest: GuestClient,
  argv: string[],
  { what, signal }: { what: string; signal: AbortSignal },
): Promise<string> {
  let [printed, said] = ["", ""];
  const request = { argv, user: "root", stdin: false, timeoutMs: TOOL_TIMEOUT_MS };
  for await (const event of guest.exec(request, { signal, kill: true })) {
    if (event.kind === "stdout") printed = tail(printed, event.data);
    else if (event.kind === "stderr") said = tail(said, event.data);
    else if (event.kind === "result" && event.result.exit_code !== 0)
      throw toolFailed(argv, what, event.result.exit_code, said);
  }
  return printed;
}
