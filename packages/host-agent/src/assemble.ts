import { totalmem } from "node:os";
import { dirname } from "node:path";
import type { Logger } from "@pandastack/platform";
import { assembleRuntimes } from "./assemble-runtimes.ts";
import { openCgroups } from "./cgroups/index.ts";
import type { HostLayout } from "./files/layout.ts";
import type { Artifacts } from "./images/artifacts.ts";
import { GUEST_MAC, openNetwork, readNetworks } from "./network/index.ts";
import { closePool, openPool } from "./pool/index.ts";
import { probeKvm } from "./runtimes/qemu/kvm-probe.ts";
import type { SandboxHost } from "./sandboxes/host.ts";
import { NetworkSlots } from "./sandboxes/network-slots.ts";
import { acquireShut } from "./sandboxes/slots.ts";
import { openSandboxHost } from "./sandboxes/sandbox-host.ts";

/**
 * Empty VMMs waiting (`PANDASTACK_VMMS_AHEAD`): enough for a burst, since a start costs as much of a core as a create does. Each
 * takes 20 MB, so there is one for every 2 GiB of the host.
 */
const DEFAULT_VMMS_AHEAD = Math.max(2, Math.min(8, Math.floor(totalmem() / (2 * 1024 ** 3))));
const MAX_VMMS_AHEAD = 64;
/** Network slots waiting beside those that the VMMs hold. */
const SLOTS_AHEAD = 4;

/**
 * Puts a host together for a machine with real sandboxes. `close` hibernates what runs and leaves nothing behind; `leave` finishes
 * what is under way and leaves the machines running for the next agent.
 */
export async function assembleHost(options: {
  layout: HostLayout;
  serverId: string;
  artifacts: Artifacts;
  log: Logger;
}): Promise<{ host: SandboxHost; close: () => Promise<void>; leave: () => Promise<void> }> {
  const { layout, artifacts, log } = options;
  await openPool({ dataDir: layout.dataDir, log });
  const network = await openNetwork({
    serverId: options.serverId,
    runDir: dirname(layout.runDir),
    dataDir: layout.dataDir,
    log,
    prepareCount: SLOTS_AHEAD,
    operatorPrivate: readNetworks(process.env["PANDASTACK_ALLOW_PRIVATE"]),
  });
  const slots = new NetworkSlots(network);
  const cgroups = await openCgroups({
    serverId: options.serverId,
    poolDir: layout.poolDir,
    runDir: dirname(layout.runDir),
    log,
  });
  const kvm = await probeKvm({
    artifacts,
    layout,
    cgroups,
    log,
    acquireSlot: () => acquireShut(slots),
    releaseSlot: (slot) => slots.release(slot),
  });
  const { runtimes, close } = assembleRuntimes({ artifacts, layout, cgroups, kvm: kvm.works, ahead: vmmsAhead() });
  const host = await openSandboxHost({
    layout,
    runtimes,
    artifacts,
    slots,
    mac: GUEST_MAC,
    log,
  });
  return {
    host,
    leave: async () => {
      await host.close("leave");
      await close();
    },
    close: async () => {
      await host.close("hibernate");
      await close();
      await cgroups.close();
      await closePool({ dataDir: layout.dataDir, log });
    },
  };
}

function vmmsAhead(): number {
  const text = process.env["PANDASTACK_VMMS_AHEAD"];
  if (text === undefined) return DEFAULT_VMMS_AHEAD;
  const count = Number(text);
  if (Number.isInteger(count) && count >= 0 && count <= MAX_VMMS_AHEAD) return count;
  throw new Error(`PANDASTACK_VMMS_AHEAD is "${text}"; it must be a whole number from 0 to ${MAX_VMMS_AHEAD}`);
}
