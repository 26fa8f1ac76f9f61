import { readFileSync } from "node:fs";

/** Memory of a guest that saw the host's CPU only runs on one with the same features. */
export function cpuFeaturesKey(): string {
  const text = readFileSync("/proc/cpuinfo", "utf8");
  const model = /^model name\s*:\s*(.*)$/m.exec(text)?.[1] ?? "";
  const flags = (/^flags\s*:\s*(.*)$/m.exec(text)?.[1] ?? "").split(" ").toSorted().join(" ");
  return `${model}\n${flags}`;
}
