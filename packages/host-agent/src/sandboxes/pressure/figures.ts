import { readFileSync } from "node:fs";
import { availableMemoryBytes, totalMemoryBytes } from "../admission/index.ts";
import type { MemoryFigures } from "./rules.ts";

const PRESSURE_FILE = "/proc/pressure/memory";

export function measureMemory(): MemoryFigures {
  const text = readPressure();
  return {
    totalBytes: totalMemoryBytes(),
    availableBytes: availableMemoryBytes(),
    someStalled: averageOf(text, "some"),
    fullyStalled: averageOf(text, "full"),
  };
}

/** Kernels without pressure figures have no such file, or refuse to read it. */
function readPressure(): string {
  try {
    return readFileSync(PRESSURE_FILE, "utf8");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "EOPNOTSUPP" || code === "ENOTSUP") return "";
    throw error;
  }
}

/** `some avg10=0.00 avg60=…` */
export function averageOf(text: string, line: "some" | "full"): number {
  return Number(new RegExp(`^${line} avg10=([\\d.]+)`, "m").exec(text)?.[1] ?? 0);
}
