import { readFileSync } from "node:fs";
import { statfs } from "node:fs/promises";
import { Refusal } from "@pandastack/platform";
import type { HostLayout } from "../files/layout.ts";

/** Real blocks that a new machine needs at once and in its first minutes: below it nothing new is started. */
const POOL_RESERVE_BYTES = 512 * 1_048_576;
/** What the host keeps for itself. */
const MEMORY_RESERVE_BYTES = 512 * 1_048_576;
/** Guests rarely use what they were given: a new one must find this share of its memory free. */
const MEMORY_OVERCOMMIT = 4;

/** Refuses before anything is half made. */
export async function requireRoom(layout: HostLayout, memoryMb: number, machines = 1): Promise<void> {
  const pool = await statfs(layout.poolDir);
  const freeBytes = pool.bavail * pool.bsize;
  if (freeBytes < POOL_RESERVE_BYTES) {
    throw new Refusal(
      "capacity.insufficient_storage",
      `the host's storage pool is full (${Math.floor(freeBytes / 1_048_576)} MiB free); delete sandboxes or snapshots`,
    );
  }
  const needed = (machines * memoryMb * 1_048_576) / MEMORY_OVERCOMMIT;
  if (availableMemoryBytes() - MEMORY_RESERVE_BYTES < needed) {
    throw new Refusal(
      "capacity.insufficient_memory",
      "the host has no memory for another sandbox; hibernate or delete some",
    );
  }
}

export function availableMemoryBytes(): number {
  return meminfo("MemAvailable");
}

export function totalMemoryBytes(): number {
  return meminfo("MemTotal");
}

function meminfo(name: string): number {
  const kib = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(readFileSync("/proc/meminfo", "utf8"))?.[1];
  return Number(kib ?? 0) * 1024;
}
