import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { PandaStack, type Sandbox } from "@pandastack/sdk";

const SERVE = fileURLToPath(new URL("../../packages/control-plane/tests/support/serve.ts", import.meta.url));

/** A sandbox on a server of its own, whose machines are made up; `stop` leaves nothing. */
export async function sandboxForTest(): Promise<{ sandbox: Sandbox; stop: () => Promise<void> }> {
  const child = spawn(process.execPath, [SERVE], { stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(child, "exit");
  const said = await Promise.race([once(createInterface(child.stdout), "line"), ended.then(() => [])]);
  if (said.length === 0) throw new Error("the server ended before it was ready");
  const { url, token } = JSON.parse(String(said[0])) as { url: string; token: string };
  const sandbox = await new PandaStack({ baseUrl: url, apiKey: token }).sandboxes.create();
  const stop = async () => {
    child.stdin.end();
    await ended;
  };
  return { sandbox, stop };
}
