import { cpus } from "node:os";
import type { Controller } from "./hierarchies.ts";

export interface Limited {
  readonly cpus: number;
  readonly memoryMb: number;
  /** What the process that runs the guest may use beside its memory, and how many tasks. Absent: what a VMM needs. */
  readonly overheadMb?: number;
  readonly maxTasks?: number;
}

/** A file of a cgroup and what is written into it. Optional ones are missing on some kernels; the limit holds without them. */
export interface Setting {
  readonly file: string;
  readonly value: string;
  readonly optional?: true;
}

const MIB = 1_048_576;
/**
 * What a VMM may use beside its guest's memory: the translation cache of an emulated guest (256 MiB at most), and QEMU itself
 * with its buffers, thread stacks and page tables (60 MiB seen under load; twice that).
 */
export const VMM_MEMORY_OVERHEAD_MB = 256 + 128;
/** CPUs that a VMM may use beside its guest's, for disk and network: else a guest that computes is slowed by its own I/O. */
export const VMM_CPU_OVERHEAD = 0.5;
const CPU_PERIOD_US = 100_000;
/** Threads: one for each virtual CPU, main loop, RCU, and QEMU's pool of 64 for disk I/O. Four times what was ever seen. */
export const VMM_MAX_TASKS = 256;
/**
 * What one machine may do to the pool's disk: far above what an emulated guest reaches and what an agent's work needs, and low
 * enough that one on KVM leaves half of a fast disk to the others.
 */
const IO_BYTES_PER_SECOND = 512 * MIB;
const IO_OPERATIONS_PER_SECOND = 20_000;
/** The kernel's own default for anything that competes for CPU or disk. */
const V1_SHARES = 1024;
const V2_WEIGHT = 100;
const V2_MAX_WEIGHT = 10_000;

export const memoryLimitBytes = (size: Limited): number =>
  (size.memoryMb + (size.overheadMb ?? VMM_MEMORY_OVERHEAD_MB)) * MIB;

/** `device`: major and minor number of the pool's disk, as `7:0`. */
export function machineSettings(version: 1 | 2, controller: Controller, size: Limited, device: string): Setting[] {
  const quota = String(Math.round((size.cpus + VMM_CPU_OVERHEAD) * CPU_PERIOD_US));
  const memory = String(memoryLimitBytes(size));
  switch (controller) {
    case "cpu":
      return version === 1
        ? [
            { file: "cpu.cfs_period_us", value: String(CPU_PERIOD_US) },
            { file: "cpu.cfs_quota_us", value: quota },
            // An idle guest has saved up for its next command.
            { file: "cpu.cfs_burst_us", value: quota, optional: true },
            { file: "cpu.shares", value: String(V1_SHARES * size.cpus) },
          ]
        : [
            { file: "cpu.max", value: `${quota} ${CPU_PERIOD_US}` },
            { file: "cpu.max.burst", value: quota, optional: true },
            { file: "cpu.weight", value: String(Math.min(V2_WEIGHT * size.cpus, V2_MAX_WEIGHT)) },
          ];
    case "memory":
      return version === 1
        ? [
            { file: "memory.limit_in_bytes", value: memory },
            { file: "memory.memsw.limit_in_bytes", value: memory, optional: true },
          ]
        : [
            { file: "memory.max", value: memory },
            { file: "memory.swap.max", value: memory, optional: true },
            { file: "memory.oom.group", value: "1", optional: true },
          ];
    case "pids":
      return [{ file: "pids.max", value: String(size.maxTasks ?? VMM_MAX_TASKS) }];
    case "io":
      return version === 1
        ? [
            { file: "blkio.throttle.read_bps_device", value: `${device} ${IO_BYTES_PER_SECOND}` },
            { file: "blkio.throttle.write_bps_device", value: `${device} ${IO_BYTES_PER_SECOND}` },
            { file: "blkio.throttle.read_iops_device", value: `${device} ${IO_OPERATIONS_PER_SECOND}` },
            { file: "blkio.throttle.write_iops_device", value: `${device} ${IO_OPERATIONS_PER_SECOND}` },
          ]
        : [
            {
              file: "io.max",
              value:
                `${device} rbps=${IO_BYTES_PER_SECOND} wbps=${IO_BYTES_PER_SECOND} ` +
                `riops=${IO_OPERATIONS_PER_SECOND} wiops=${IO_OPERATIONS_PER_SECOND}`,
            },
          ];
  }
}

/**
 * All machines together weigh as much as the host has CPUs, against single processes such as the host agent: a busy sandbox
 * can't slow the answers of the platform.
 */
export function serverSettings(version: 1 | 2, controller: Controller): Setting[] {
  if (controller !== "cpu") return [];
  const count = cpus().length;
  return version === 1
    ? [{ file: "cpu.shares", value: String(V1_SHARES * count) }]
    : [{ file: "cpu.weight", value: String(Math.min(V2_WEIGHT * count, V2_MAX_WEIGHT)) }];
}
