import { readFileSync } from "node:fs";
import { UPLINK } from "../names.ts";

/** `up0: ` bytes and packets received, six more, bytes and packets sent. */
const UPLINK_LINE = new RegExp(`^\\s*${UPLINK}:\\s*\\d+\\s+(\\d+)(?:\\s+\\d+){6}\\s+\\d+\\s+(\\d+)`, "m");

/**
 * Packets that went in and out of the slot that a process lives in, as the kernel counts them on the slot's link to the host:
 * what was refused never gets there. Undefined when the process is gone or has no slot.
 */
export function carriedPackets(pid: number): bigint | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/net/dev`, "latin1");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ESRCH" || code === "EINVAL") return undefined;
    throw error;
  }
  const [, received, sent] = UPLINK_LINE.exec(text) ?? [];
  return received === undefined || sent === undefined ? undefined : BigInt(received) + BigInt(sent);
}
