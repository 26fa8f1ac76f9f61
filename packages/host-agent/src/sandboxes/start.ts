import { randomBytes, randomUUID } from "node:crypto";
import type { HostNetwork, RuntimeName } from "@pandastack/contracts/host";
import { newHexId, crashPoint, markStep } from "@pandastack/platform";
import { GuestClient } from "../guest/client.ts";
import { GuestConnection, type GuestRefresh } from "../guest/connection.ts";
import type { Machine, MachinePlan, MachineSize, RestorePlan, RunningMachine, Runtime } from "../runtimes/runtime.ts";
import type { NetworkSlot } from "../network/slot.ts";
import { asRefusalWhenFull } from "./admission/index.ts";
import type { SlotSource } from "./slots.ts";
import type { Stock } from "./stock.ts";
import { NO_ATTACHMENTS, type Attachments } from "./volumes/attach.ts";

/** A restored guest answers within 40 ms; one of many on a busy machine waits for its turn. */
const FIRST_ANSWER_TIMEOUT_MS = 20_000;
/** One that boots takes 2–5 s in emulation; on a machine that does other things at the same time, many times that. */
const BOOT_TIMEOUT_MS = 180_000;
/** What the kernel's generator can take in and still gain from. */
const ENTROPY_BYTES = 64;

export interface Started {
  readonly machine: Machine;
  readonly guest: GuestClient;
}

/** A plan whose slot is held and whose VMM may have been started already. */
export interface ReadyPlan {
  readonly plan: RestorePlan;
  readonly slot: NetworkSlot;
}

interface StartOptions {
  readonly runtime: Runtime;
  readonly slots: SlotSource;
  readonly sandboxId: string;
  readonly env: Readonly<Record<string, string>>;
  readonly network: HostNetwork;
  readonly attachments?: Attachments;
}

/** Brings an image to life as the given sandbox. On failure nothing is left, the slot included. */
export function startFromImage(options: StartOptions & { ready: ReadyPlan }): Promise<Started> {
  const { runtime, ready, attachments = NO_ATTACHMENTS } = options;
  return bringUp(options, ready.plan, {
    answerTimeoutMs: FIRST_ANSWER_TIMEOUT_MS,
    run: (configured) => runtime.restore({ ...ready.plan, volumes: attachments.plans }, configured),
  });
}

/**
 * Boots a disk as the given sandbox: its memory is lost, or cannot be restored. The machine gets another name of this very
 * file. On failure nothing is left but the disk.
 */
export async function startCold(
  options: StartOptions & { rootDisk: string; size: MachineSize; durable: boolean },
): Promise<Started> {
  const { runtime, rootDisk, durable, attachments = NO_ATTACHMENTS } = options;
  const size = { cpus: options.size.cpus, memoryMb: options.size.memoryMb };
  const plan = { machineId: newHexId(6), slot: await options.slots.acquire(), size };
  return bringUp(options, plan, {
    answerTimeoutMs: BOOT_TIMEOUT_MS,
    run: async (configured) => {
      await configured;
      return runtime.boot({ ...plan, rootDisk, durable, volumes: attachments.plans });
    },
  });
}

/** A restored guest and one that has booted become themselves in the same way. */
async function bringUp(
  options: StartOptions,
  plan: MachinePlan,
  how: { answerTimeoutMs: number; run: (configured: Promise<void>) => Promise<RunningMachine> },
): Promise<Started> {
  const { slots, attachments = NO_ATTACHMENTS } = options;
  let machine: Machine | undefined;
  // Beside the load, and in force before the first instruction.
  const configured = slots.configure(plan.slot, options.network);
  const settled = configured.catch(() => undefined);
  try {
    const running = await how.run(configured);
    machine = running.machine;
    const connection = new GuestConnection(running.channel);
    const hello = await connection.hello({
      resync: false,
      timeoutMs: how.answerTimeoutMs,
      ...(running.token === undefined ? {} : { token: running.token }),
      refresh: identityOf(plan, { ...options, token: machine.token }),
    });
    markStep("hello");
    crashPoint("host.machine.answered");
    const guest = new GuestClient(connection);
    guest.correctClock(hello);
    await attachments.settle(guest);
    if (attachments.plans.length > 0) crashPoint("host.machine.volumes-settled");
    return { machine, guest };
  } catch (error) {
    await machine?.stop();
    await settled;
    await slots.release(plan.slot);
    throw asRefusalWhenFull(error);
  }
}

/** Ends a machine that was started for a sandbox which then did not come to be. */
export async function undoStart(slots: SlotSource, started: Started): Promise<void> {
  started.guest.connection.close();
  await started.machine.stop();
  await slots.release(started.machine.record.slot);
}

/** What no two machines may share, even when they are copies of one memory. */
function identityOf(
  plan: MachinePlan,
  options: { sandboxId: string; env: Readonly<Record<string, string>>; token: string | undefined },
): GuestRefresh {
  return {
    generation: plan.machineId,
    entropy: randomBytes(ENTROPY_BYTES).toString("base64"),
    hostname: options.sandboxId,
    machine_id: newHexId(16),
    boot_id: randomUUID(),
    token: options.token ?? newHexId(16),
    env: { ...options.env },
    reset_connections: true,
    hooks: true,
  };
}

/** Holds a slot for a machine to be, with a VMM that was started ahead where one fits. */
export async function planRestore(
  source: { slots: SlotSource; stock: (runtime: RuntimeName) => Stock | undefined },
  wanted: { runtime: RuntimeName; imageDir: string; size: MachineSize; durable: boolean },
): Promise<ReadyPlan> {
  const { imageDir, durable } = wanted;
  const size = { cpus: wanted.size.cpus, memoryMb: wanted.size.memoryMb };
  const taken = await source.stock(wanted.runtime)?.take({ imageDir, size, durable });
  if (taken) return { plan: taken, slot: taken.slot };
  const slot = await source.slots.acquire();
  return { slot, plan: { machineId: newHexId(6), slot, size, imageDir, durable } };
}
