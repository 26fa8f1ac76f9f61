import { readFileSync } from "node:fs";

/** Memory of a guest that saw the host's CPU only runs on one with the same features. */
export function cpuFeaturesKey(): string {
  const text = readFileSync("/proc/cpuinfo", "utf8");
  const model = /^model name\s*:\s*(.*)$/m.exec(text)?.[1] ?? "";
  const flags = (/^flags\s*:\s*(.*)$/m.exec(text)?.[1] ?? "").split(" ").toSorted().join(" ");
  return `${model}\n${flags}`;
}

/** Rate of the host's time stamp counter, as the kernel says it. */
export function hostTscKhz(): number {
  const mhz = Number(/^cpu MHz\s*:\s*([\d.]+)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1] ?? 0);
  return Math.round(mhz * 1000);
}
