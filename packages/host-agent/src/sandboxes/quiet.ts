import type { SandboxEntry } from "./entry.ts";

/**
 * Runs `work` while guest and host are silent on their channel, so that every copy of the machine's memory stands at a frame
 * boundary. A paused machine was made quiet when it was paused.
 */
export async function whileQuiet<T>(entry: SandboxEntry, work: () => Promise<T>): Promise<T> {
  if (entry.state === "paused") return work();
  const guest = await entry.connectedGuest();
  await guest.quiesce();
  try {
    return await work();
  } finally {
    guest.resumed();
  }
}
