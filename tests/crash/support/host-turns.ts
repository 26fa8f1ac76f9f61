import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { request } from "node:http";
import { join } from "node:path";
import { waitFor } from "@pandastack/platform";
import { readJournal } from "./records.ts";
import type { CrashServer } from "./server.ts";

const TURN_TIMEOUT_MS = 60_000;

/**
 * Waits until the host has ended what it was told to do: a command goes on when the control plane that sent it has died, perhaps
 * until long after the next one is there. Commands for what is in the journal are done in turn, so one that is refused in any case
 * is refused at its turn.
 */
export async function untilCommandsAreOver(server: CrashServer): Promise<void> {
  const { sandboxes, volumes } = readJournal(server);
  const [snapshotId, from] = [randomUUID(), randomUUID()];
  await Promise.all([
    ...sandboxes.map(({ id }) =>
      refused(server, {
        name: "createSandbox",
        sandboxId: id,
        from: { snapshotId },
        runtime: "auto",
        env: {},
        persistent: false,
      }),
    ),
    ...volumes.map(({ id }) =>
      refused(server, { name: "cloneVolume", volumeId: id, from, volumeName: "none", isSnapshot: false }),
    ),
  ]);
}

async function refused(server: CrashServer, command: object): Promise<void> {
  await waitFor(
    async () => {
      const status = await post(join(server.runDir, "host.sock"), { operationId: randomUUID(), command }).catch(
        () => 0,
      );
      if (status !== 0 && (status < 400 || status >= 500))
        throw new Error(`the host answered ${status} to ${JSON.stringify(command)}`);
      return status !== 0;
    },
    { timeoutMs: TURN_TIMEOUT_MS, intervalMs: 50, message: "the host agent does not answer" },
  );
}

async function post(socketPath: string, body: object): Promise<number> {
  const headers = { "content-type": "application/json" };
  const asked = request({ socketPath, path: "/v1/operations", method: "POST", headers, timeout: TURN_TIMEOUT_MS });
  asked.on("timeout", () => asked.destroy(new Error("no answer")));
  asked.end(JSON.stringify(body));
  const [answer] = await once(asked, "response");
  answer.resume();
  return answer.statusCode;
}
