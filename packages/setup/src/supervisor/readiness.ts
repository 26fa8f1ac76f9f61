import { setTimeout as delay } from "node:timers/promises";
import { ask } from "./ask.ts";
import type { Child, Say } from "./child.ts";

const INTERVAL_MS = 25;
const FAILURES_AT_MOST = 5;

/** A part of the server can't be started. The text is for the user, with the last lines of its log. */
export class StartFailed extends Error {
  override readonly name = "StartFailed";
}

/**
 * Waits until the control plane says that a create would work, telling what it waits for. Gives up when a part dies again and
 * again; there is no time limit otherwise, for baking a template takes as long as the machine takes.
 */
export async function untilReady(options: {
  url: string;
  socketPath: string;
  children: readonly Child[];
  say: Say;
  signal: AbortSignal;
}): Promise<void> {
  let said: string | undefined;
  while (!options.signal.aborted) {
    const failing = options.children.find((child) => child.failures >= FAILURES_AT_MOST);
    if (failing !== undefined) throw new StartFailed(failureText(failing));
    const answer = await ask({ url: `${options.url}/readyz` });
    if (answer?.status === 200) return;
    const reason = await waitingFor(options.socketPath);
    if (reason !== undefined && reason !== said) options.say(`waiting: ${reason}`);
    said = reason ?? said;
    await delay(INTERVAL_MS, undefined, { signal: options.signal }).catch(() => {});
  }
}

async function waitingFor(socketPath: string): Promise<string | undefined> {
  const answer = await ask({ socketPath, path: "/v1/host" });
  if (answer?.status !== 200) return undefined;
  return (JSON.parse(answer.body) as { notReadyReason?: string | null }).notReadyReason ?? undefined;
}

function failureText(child: Child): string {
  return [
    `${child.plan.name} cannot be started. The end of ${child.plan.logFile}:`,
    ...child.lastLines().map((line) => `    | ${line}`),
  ].join("\n");
}
