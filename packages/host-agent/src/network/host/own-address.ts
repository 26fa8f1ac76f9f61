import { run } from "../../processes/run.ts";

/** Addresses come and go; what the kernel said is taken for true for this long. */
const FRESH_MS = 1_000;
const MAX_KNOWN = 1024;
const known = new Map<string, { isOwn: boolean; atMs: number }>();

/**
 * Whether an address is one of the host's own (or no machine's at all), by what the kernel would do with a packet to it now.
 * For connections that the host makes in a sandbox's name; what sandboxes send themselves is judged by the host's rules.
 */
export async function isOwnAddress(address: string): Promise<boolean> {
  const now = performance.now();
  const before = known.get(address);
  if (before !== undefined && now - before.atMs < FRESH_MS) return before.isOwn;
  const isOwn = await ask(address);
  if (known.size >= MAX_KNOWN) known.clear();
  known.set(address, { isOwn, atMs: now });
  return isOwn;
}

async function ask(address: string): Promise<boolean> {
  try {
    const { stdout } = await run("ip", ["-4", "route", "get", address]);
    return /^(local|broadcast|multicast|unreachable|prohibit|blackhole)\b/.test(stdout);
  } catch {
    // No way leads there.
    return true;
  }
}
