import { randomUUID } from "node:crypto";
import type { GuestClient } from "../hosts/guest.ts";
import { runTool } from "./tools.ts";

/** Unpacks an archive of the context inside the builder, where it can do no harm but to the template that it is for. */
export async function unpack(
  guest: GuestClient,
  { folder, bytes, signal }: { folder: string; bytes: Buffer; signal: AbortSignal },
): Promise<void> {
  // On the root disk: memory may be small.
  const path = `/.pandastack-${randomUUID()}`;
  await guest.fs({ op: "mkdir", path: folder, parents: true });
  try {
    await guest.writeFile({ path, mode: 0o600, signal }, one(bytes));
    await runTool(guest, ["tar", "-x", "-p", "-C", folder, "-f", path], { what: "unpacking it", signal });
  } finally {
    await guest.fs({ op: "remove", path, missing_ok: true });
  }
}

async function* one(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes;
}
