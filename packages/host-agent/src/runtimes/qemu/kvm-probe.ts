import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { newHexId, writeFileAtomic, type Logger } from "@pandastack/platform";
import type { Cgroups } from "../../cgroups/index.ts";
import { hostBootId } from "../../files/host-boot.ts";
import type { HostLayout } from "../../files/layout.ts";
import type { Artifacts } from "../../images/artifacts.ts";
import { GuestConnection } from "../../guest/connection.ts";
import { run } from "../../processes/run.ts";
import type { NetworkSlot } from "../../network/slot.ts";
import { QemuRuntime } from "./runtime.ts";

/** A guest on a KVM that works answers within 2 s. One that emulates kernel mode is a thousand times too slow, or dies. */
const PROBE_TIMEOUT_MS = 6_000;

export interface KvmVerdict {
  readonly works: boolean;
  readonly reason: string;
}

/**
 * Whether KVM runs our kernel, found out by booting it: `/dev/kvm` may open, create machines, and still not run a guest.
 * The answer is kept for this boot of the host and this kernel.
 */
export async function probeKvm(options: {
  artifacts: Artifacts;
  layout: HostLayout;
  cgroups: Cgroups;
  log: Logger;
  acquireSlot: () => Promise<NetworkSlot>;
  releaseSlot: (slot: NetworkSlot) => Promise<void>;
}): Promise<KvmVerdict> {
  if (!existsSync("/dev/kvm")) return { works: false, reason: "there is no /dev/kvm" };
  const memory = join(options.layout.cacheDir, "kvm-probe.json");
  const key = [
    hostBootId(),
    options.artifacts.kernel.key,
    options.artifacts.initrd.key,
    options.artifacts.vmm.key,
  ].join(" ");
  const remembered = read(memory);
  if (remembered?.key === key) return remembered.verdict;
  const verdict = await bootOnce(options);
  options.log.info({ ...verdict }, "probed KVM by booting a guest");
  writeFileAtomic(memory, JSON.stringify({ key, verdict }));
  return verdict;
}

async function bootOnce(options: Parameters<typeof probeKvm>[0]): Promise<KvmVerdict> {
  const { artifacts, layout, cgroups } = options;
  const rootfs = Object.values(artifacts.rootfs)[0];
  if (!rootfs) return { works: false, reason: "there is no root file system to boot" };
  const runtime = new QemuRuntime({ artifacts, layout, cgroups, kvm: true });
  const slot = await options.acquireSlot();
  const scratch = join(layout.poolDir, "scratch", `probe-${newHexId(4)}`);
  try {
    mkdirSync(scratch, { recursive: true, mode: 0o700 });
    await run("cp", ["--sparse=always", "--", rootfs.path, join(scratch, "disk")], { timeoutMs: 300_000 });
    const plan = {
      machineId: newHexId(6),
      slot,
      size: { cpus: 1, memoryMb: 256 },
      rootDisk: join(scratch, "disk"),
      durable: false,
    };
    const { machine, channel } = await runtime.boot(plan);
    try {
      await new GuestConnection(channel).hello({ resync: false, timeoutMs: PROBE_TIMEOUT_MS });
      return { works: true, reason: "a guest booted on it" };
    } finally {
      await machine.stop();
    }
  } catch (error) {
    return {
      works: false,
      reason: `a guest did not boot on it: ${error instanceof Error ? error.message : String(error)}`,
    };
  } finally {
    await options.releaseSlot(slot);
    await runtime.close();
    await run("rm", ["-rf", "--", scratch]);
  }
}

function read(path: string): { key: string; verdict: KvmVerdict } | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as { key: string; verdict: KvmVerdict };
  } catch {
    return undefined;
  }
}
