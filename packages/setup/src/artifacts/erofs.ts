import { mkdirSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import type { Cache, Entry, Outcome } from "../cache/cache.ts";
import { hashParts } from "../cache/hash.ts";
import type { StepContext } from "../steps/step.ts";
import { runTool } from "../tools/run-tool.ts";
import { agentBinaryOf, type AgentEntry } from "./guest-agent.ts";
import { rootfsOf, type RootfsEntry } from "./rootfs.ts";

/** A root file system as gVisor maps it: EROFS, read-only, with the guest agent inside, since there is no initrd. */
export type ErofsEntry = Entry<Outcome>;

const KIND = "erofs";

/**
 * In a mount namespace that ends with it: disk image, agent on top, and the two as one tree. The image is ours; one that a
 * guest has written must not be mounted by the host's kernel. Times stay as they are: Python looks at them.
 */
const WRITE = `set -eu
disk=$1 agent=$2 image=$3
cd "$4"
mount -t tmpfs -o mode=0700,size=64m tmpfs .
cd "$4"
mkdir disk added tree
mount -o loop,ro,noload -- "$disk" disk
install -D -m 0755 -- "$agent" added/usr/lib/pandastack/guest-agent
mount -t overlay -o ro,lowerdir=added:disk overlay tree
exec mkfs.erofs --quiet -Enoinline_data -x-1 --exclude-path=lost+found "$image" tree`;

export const erofsOf = (entry: ErofsEntry): string => join(entry.path, "root.erofs");

const recipe = (rootfs: RootfsEntry, agent: AgentEntry): string => hashParts(WRITE, rootfs.key, agent.key);

export function findErofs(cache: Cache, rootfs: RootfsEntry, agent: AgentEntry): ErofsEntry | undefined {
  return cache.find(KIND, recipe(rootfs, agent));
}

export function obtainErofs(
  cache: Cache,
  rootfs: RootfsEntry,
  agent: AgentEntry,
  context: StepContext,
): Promise<ErofsEntry> {
  const key = recipe(rootfs, agent);
  const write = async (folder: string): Promise<Outcome> => {
    const work = join(folder, "work");
    mkdirSync(work, { mode: 0o700 });
    const args = [rootfsOf(rootfs), agentBinaryOf(agent), join(folder, "root.erofs"), work];
    await runTool("sh", ["-c", WRITE, "sh", ...args], { log: context.log });
    rmdirSync(work);
    return { key };
  };
  return cache.obtain(KIND, key, write, () => context.say("another set-up writes it, waiting"));
}
