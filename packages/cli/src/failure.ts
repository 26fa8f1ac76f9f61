import { AuthError, ConnectionError, configPath, PandaStackError } from "@pandastack/sdk";

/** What a user reads on stderr: what went wrong, and what to do where that is known. No stack. */
export function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return `error: ${String(error)}`;
  const lines = [`error: ${error.message}`];
  const hint = hintFor(error);
  if (hint !== undefined) lines.push(hint);
  if (error instanceof PandaStackError && (error.status ?? 0) >= 500 && error.requestId !== undefined)
    lines.push(`request id: ${error.requestId}`);
  return lines.join("\n");
}

function hintFor(error: Error): string | undefined {
  if (error instanceof AuthError) return `hint: set PANDASTACK_API_KEY, or put {"token": "…"} into ${configPath()}`;
  if (error instanceof ConnectionError && error.code === "client.connection")
    return "hint: is the server running (npm start)? PANDASTACK_API_URL says where it is";
  return undefined;
}

/** Something wrong with what was typed; the text is all there is to say. */
export class UsageError extends Error {}
