import type { ExecBody } from "@pandastack/contracts";
import type { ExecRequest } from "@pandastack/contracts/host";
import { callContext } from "../../calls/context.ts";

/** Says in a command's environment for which request it was started: what it logs can be found by it. */
const REQUEST_ID_NAME = "PANDASTACK_REQUEST_ID";

export function requestIdEnv(): Record<string, string> {
  const context = callContext.getStore();
  return context === undefined ? {} : { [REQUEST_ID_NAME]: context.requestId };
}

type Fields = Pick<ExecBody, "timeout_seconds" | "env" | "cwd" | "user" | "tag">;

/** What commands of every kind have in common, as the host wants it. In `/v1` commands run as root unless they say otherwise. */
export function execFields(body: Fields): ExecRequest {
  return {
    user: body.user ?? "root",
    env: { ...requestIdEnv(), ...body.env },
    ...(body.cwd === undefined || body.cwd === null ? {} : { cwd: body.cwd }),
    ...(body.tag === undefined || body.tag === null ? {} : { tag: body.tag }),
    ...(body.timeout_seconds ? { timeoutMs: Math.ceil(body.timeout_seconds * 1000) } : {}),
  };
}

export function shellRequest(body: ExecBody, processId?: string): ExecRequest {
  return {
    ...execFields(body),
    shell: body.cmd,
    stdin: false,
    ...(processId === undefined ? {} : { id: processId }),
    ...(body.detach === true ? { detach: true } : {}),
  };
}

/** Begins with "command timeout": that is what clients recognise a timeout by. */
export function timeoutText(timeoutSeconds: number | null | undefined): string {
  return `command timeout after ${timeoutSeconds ?? 0}s`;
}
