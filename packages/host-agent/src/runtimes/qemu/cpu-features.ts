import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/**
 * What an emulated guest gets: all that QEMU can emulate, but no claim that moving and filling memory a byte at a time is fast
 * (ERMS and its kin). On real processors it is; an emulator does each byte of `rep movsb` as a step of its own, and a kernel or
 * C library that is told so copies everything that way. Without the claim they move eight to 32 bytes a step.
 */
export const EMULATED_CPU = "max,-erms,-fsrm,-fzrm,-fsrs";

/** The kernel's ring buffer is rarely above 1 MiB. */
const MAX_LOG_BYTES = 16 * 1_048_576;

/** Memory of a guest that saw the host's CPU only runs on one with the same features. */
export function cpuFeaturesKey(): string {
  const text = readFileSync("/proc/cpuinfo", "utf8");
  const model = /^model name\s*:\s*(.*)$/m.exec(text)?.[1] ?? "";
  const flags = (/^flags\s*:\s*(.*)$/m.exec(text)?.[1] ?? "").split(" ").toSorted().join(" ");
  return `${model}\n${flags}`;
}

/**
 * Rate of the host's time stamp counter in kHz. The kernel says it in its log when it has measured it; once that is gone, what
 * /proc/cpuinfo says is exact on virtual machines and near it elsewhere.
 */
export function hostTscKhz(): number {
  return (knownTscKhz ??= tscKhzFromLog() ?? tscKhzFromCpuinfo());
}
let knownTscKhz: number | undefined;

function tscKhzFromLog(): number | undefined {
  let log: string;
  try {
    log = execFileSync("dmesg", { encoding: "utf8", maxBuffer: MAX_LOG_BYTES, stdio: ["ignore", "pipe", "ignore"] });
  } catch {
    return undefined;
  }
  const refined = /tsc: Refined TSC clocksource calibration: ([\d.]+) MHz/.exec(log);
  const detected = /tsc: Detected ([\d.]+) MHz (?:TSC|processor)/.exec(log);
  const mhz = Number((refined ?? detected)?.[1]);
  return Number.isFinite(mhz) ? Math.round(mhz * 1000) : undefined;
}

function tscKhzFromCpuinfo(): number {
  const mhz = Number(/^cpu MHz\s*:\s*([\d.]+)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1] ?? 0);
  return Math.round(mhz * 1000);
}
