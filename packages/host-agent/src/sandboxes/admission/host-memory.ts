import { readFileSync } from "node:fs";

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
