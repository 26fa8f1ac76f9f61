import { poolMounts } from "../../pool/index.ts";

/**
 * A command in a mount namespace of its own that has let go of every server's pool. A sandbox's process makes its mount namespace
 * out of the one that it was started in, and what it then leaves stays mounted underneath as long as it lives: the pool of a
 * server that stops, this one's too, could not be closed.
 */
export function withoutPools(command: readonly string[]): string[] {
  const pools = poolMounts();
  const unshared = ["unshare", "--mount", "--propagation", "private", "--"];
  return [...unshared, "/bin/sh", "-c", LET_GO, "let-go", String(pools.length), ...pools, ...command];
}

/** A fixed text: a number, so many paths, and the command are its arguments. One that is not mounted any more is what is wanted. */
const LET_GO = `count=$1; shift
while [ "$count" -gt 0 ]; do umount -l "$1" 2>/dev/null; shift; count=$((count - 1)); done
exec "$@"`;
