import { Refusal } from "@pandastack/platform";
import type { GuestClient } from "../hosts/guest.ts";

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** Larger is no list of users. */
const LIST_LIMIT_BYTES = 1024 * 1024;

/** `user`, `user:group`, names or numbers, as the machine knows them. A number without an entry has the group of its number. */
export async function findOwner(guest: GuestClient, said: string, signal: AbortSignal): Promise<Owner> {
  const [user = "", group] = said.split(":");
  const entry = (await entries(guest, "/etc/passwd", signal)).find((one) => one[0] === user || one[2] === user);
  const uid = numberOf(entry?.[2] ?? user);
  if (uid === undefined) throw new Refusal("guest.user_not_found", `there is no user ${JSON.stringify(user)}`);
  if (group === undefined || group === "") return { uid, gid: numberOf(entry?.[3] ?? "") ?? uid };
  const named = (await entries(guest, "/etc/group", signal)).find((one) => one[0] === group || one[2] === group);
  const gid = numberOf(named?.[2] ?? group);
  if (gid === undefined) throw new Refusal("guest.user_not_found", `there is no group ${JSON.stringify(group)}`);
  return { uid, gid };
}

const numberOf = (text: string): number | undefined => (/^\d{1,10}$/.test(text) ? Number(text) : undefined);

async function entries(guest: GuestClient, path: string, signal: AbortSignal): Promise<string[][]> {
  const chunks: Buffer[] = [];
  try {
    const { body } = await guest.readFile({ path, length: LIST_LIMIT_BYTES, signal });
    for await (const chunk of body) chunks.push(chunk as Buffer);
  } catch (error) {
    if (error instanceof Refusal && error.code === "file.not_found") return [];
    throw error;
  }
  return Buffer.concat(chunks)
    .toString("utf8")
    .split("\n")
    .map((line) => line.split(":"));
}
