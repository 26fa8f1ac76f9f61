import type { SandboxEntry } from "./entry.ts";

/** A guest that has just been stopped or written down may be under any load. */
const GO_ON_TIMEOUT_MS = 20_000;

/**
 * Guest and host say nothing from here on, until `speakAgain`: every copy of the machine's memory stands at a frame boundary.
 * Nor are they connected, where the runtime's copies would be of no use otherwise.
 */
export async function fallSilent(entry: SandboxEntry): Promise<void> {
  const guest = await entry.connectedGuest();
  await guest.quiesce({ hangUp: entry.machine.mustHangUp });
}

/** For a guest that runs. One that cannot go on with what was under way is connected to anew by who wants something next. */
export async function speakAgain(entry: SandboxEntry): Promise<void> {
  const guest = entry.openGuest;
  if (!guest) return;
  const { connection } = guest;
  if (connection.isHungUp) {
    const { machine } = entry;
    try {
      await connection.goOn(await machine.connect(), { token: machine.token, timeoutMs: GO_ON_TIMEOUT_MS });
    } catch {
      connection.close();
      return;
    }
  }
  guest.resumed();
}

/** Runs `work` in silence. A paused machine was made silent when it was paused. One that does not `goOn` stays so, unless `work` fails. */
export async function whileQuiet<T>(
  entry: SandboxEntry,
  { goesOn }: { goesOn: boolean },
  work: () => Promise<T>,
): Promise<T> {
  if (entry.state === "paused") return work();
  await fallSilent(entry);
  try {
    return await work();
  } finally {
    if (goesOn) await speakAgain(entry);
  }
}
