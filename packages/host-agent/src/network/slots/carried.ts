import { readFileSync } from "node:fs";
import { slotNumberOfName } from "../names.ts";

/** `name: ` bytes and packets received, six more, bytes and packets sent. */
const LINE = /^\s*([^\s:]+):\s*\d+\s+(\d+)(?:\s+\d+){6}\s+\d+\s+(\d+)/gm;

/**
 * Packets that went in and out of each of a server's slots, by number, as the kernel counts them on the host's end of the slot's
 * link: what a slot has refused never gets there. One small file has all of them.
 */
export function carriedPackets(serverId: string): Map<number, bigint> {
  const carried = new Map<number, bigint>();
  for (const [, name = "", received = "", sent = ""] of readFileSync("/proc/self/net/dev", "latin1").matchAll(LINE)) {
    const number = slotNumberOfName(serverId, name);
    if (number !== undefined) carried.set(number, BigInt(received) + BigInt(sent));
  }
  return carried;
}
