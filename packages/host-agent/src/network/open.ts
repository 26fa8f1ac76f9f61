import type { Cidr } from "@pandastack/contracts/host";
import { type Logger } from "@pandastack/platform";
import { removeDeadServers } from "./cleanup.ts";
import { guardHostRules } from "./host/guard.ts";
import { applyHostRules, assertNetworkIsFree } from "./host/host.ts";
import { changeHostSettings } from "./host/settings.ts";
import { withHostLock } from "./leases/host-lock.ts";
import { claimServer } from "./leases/servers.ts";
import { assertServerId } from "./names.ts";
import { findSlots, Network } from "./network.ts";

export const DEFAULT_PREPARE_COUNT = 4;

export interface OpenNetworkOptions {
  /** Short id of the server, 1 to 9 of `[a-z0-9]`: part of every name in the kernel. */
  readonly serverId: string;
  /** Host-wide, the same for all servers: `/run/pandastack`. */
  readonly runDir: string;
  /** The server's data folder. When agent and folder are gone, other servers may clear away what is left; without it never. */
  readonly dataDir?: string;
  readonly log: Pick<Logger, "info" | "warn" | "error">;
  /** Slots that are kept ready. */
  readonly prepareCount?: number;
  readonly resolvConfPath?: string;
  /** Private networks that policies may open on this host. Default none. */
  readonly operatorPrivate?: readonly Cidr[];
}

/**
 * Takes this server's part of the host's network: its rules, forwarding, the leases of an earlier life. Then call `adopt` with
 * the slots that the journal says are in use.
 *
 *     const network = await openNetwork({ serverId: "k3x9", runDir: "/run/pandastack", dataDir, log });
 *     await network.adopt(slotsOfLivingMachines);
 *     const slot = await network.acquire();
 */
export async function openNetwork(options: OpenNetworkOptions): Promise<Network> {
  const { serverId, runDir, log, operatorPrivate = [] } = options;
  assertServerId(serverId);
  const found = await withHostLock(runDir, async () => {
    await assertNetworkIsFree();
    claimServer(runDir, serverId, options.dataDir ?? null);
    await removeDeadServers(runDir, log);
    // Rules before forwarding: there is no moment in which a slot is open.
    await applyHostRules(serverId, log, operatorPrivate);
    changeHostSettings(runDir);
    return findSlots(serverId, runDir);
  });
  const guard = await guardHostRules({ serverId, log, opened: operatorPrivate });
  return new Network(
    {
      guard,
      serverId,
      runDir,
      log,
      operatorPrivate,
      prepareCount: options.prepareCount ?? DEFAULT_PREPARE_COUNT,
      resolvConfPath: options.resolvConfPath ?? "/etc/resolv.conf",
    },
    found,
  );
}
