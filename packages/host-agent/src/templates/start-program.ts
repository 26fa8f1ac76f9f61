import { setTimeout as delay } from "node:timers/promises";
import type { TemplateStart } from "@pandastack/contracts/host";
import { Refusal } from "@pandastack/platform";
import type { GuestClient } from "../guest/client.ts";

const READY_LOOK_MS = 500;
const READY_TRY_TIMEOUT_MS = 30_000;
const PROGRAM = "template-start";

/** Starts a template's own program and waits until it says that it is ready: from here on it is part of every copy's memory. */
export async function startProgram(client: GuestClient, start: TemplateStart): Promise<void> {
  const common = { user: start.user, cwd: start.cwd, env: start.env, stdin: false };
  if (start.start !== undefined) {
    for await (const event of client.exec({ ...common, shell: start.start, detach: true, id: PROGRAM, tag: PROGRAM }))
      if (event.kind === "detached") break;
  }
  const end = performance.now() + start.readyTimeoutMs;
  for (;;) {
    const answer = start.ready === undefined ? { exitCode: 0, said: "" } : await tryReady(client, start.ready, common);
    await requireAlive(client, start);
    if (answer.exitCode === 0) return;
    if (performance.now() > end)
      throw new Refusal(
        "template.build_failed",
        `the ready check still ended with ${answer.exitCode} after ${start.readyTimeoutMs / 1000} s: ${answer.said || "it said nothing"}`,
      );
    await delay(READY_LOOK_MS);
  }
}

async function tryReady(
  client: GuestClient,
  shell: string,
  common: { user: string; cwd: string; env: Record<string, string>; stdin: boolean },
): Promise<{ exitCode: number; said: string }> {
  let said = "";
  let exitCode = -1;
  for await (const event of client.exec({ ...common, shell, timeoutMs: READY_TRY_TIMEOUT_MS })) {
    if (event.kind === "stdout" || event.kind === "stderr") said = (said + event.data.toString("utf8")).slice(-500);
    if (event.kind === "result") exitCode = event.result.exit_code;
  }
  return { exitCode, said: said.trim() };
}

/** One that ends well has done its work, or has put a daemon into the background. */
async function requireAlive(client: GuestClient, start: TemplateStart): Promise<void> {
  if (start.start === undefined) return;
  const found = (await client.processes()).find(({ id }) => id === PROGRAM);
  if (found === undefined || found.running || found.exit_code === 0 || found.exit_code === null) return;
  let text = "";
  for await (const event of client.attach({ id: PROGRAM, replay: true }))
    if (event.kind === "stdout" || event.kind === "stderr") text = (text + event.data.toString("utf8")).slice(-1_500);
  throw new Refusal(
    "template.build_failed",
    `the start command ended with ${found.exit_code}: ${text.trim() || "it said nothing"}`,
  );
}
