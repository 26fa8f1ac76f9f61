import { randomUUID } from "node:crypto";
import type { Network, SandboxNetwork, UpdateSandboxRequest, WorkspaceNetwork } from "@pandastack/contracts";
import type { HostNetwork, HostNetworkFigures } from "@pandastack/contracts/host";
import { crashPoint, Refusal } from "@pandastack/platform";
import { within } from "../../accounts/networks.ts";
import type { SandboxRow } from "../../persistence/tables.ts";
import type { SandboxParts } from "../parts.ts";
import { findSandbox, observe, want } from "../store.ts";

/** What a new sandbox is given: what was asked for, else the workspace's default, else its ceiling, else everything. */
export function chooseNetwork(
  parts: SandboxParts,
  { default: usual, ceiling }: WorkspaceNetwork,
  asked: { network?: Network | null | undefined; egress_mbps?: number | null | undefined },
  otherwise?: HostNetwork,
): HostNetwork {
  const egressMbps = asked.egress_mbps === undefined ? (otherwise?.egressMbps ?? null) : asked.egress_mbps;
  const given = asked.network ?? undefined;
  if (given === undefined && otherwise !== undefined) return { ...otherwise, egressMbps };
  const egress = (given ?? usual ?? ceiling)?.egress ?? "open";
  return { egress: within(egress, ceiling, parts.settings.operatorPrivate, "network.egress"), egressMbps };
}

/** Changes what a sandbox may reach, in whatever state it is. In force on its host when this has returned. */
export function updateSandbox(
  parts: SandboxParts,
  row: SandboxRow,
  change: UpdateSandboxRequest,
  policies: WorkspaceNetwork,
): Promise<SandboxRow> {
  return parts.queue.run(row.id, async () => {
    const current = await findSandbox(parts.db, row.workspace, row.id);
    if (change.network === undefined && change.egress_mbps === undefined) return current;
    const network = chooseNetwork(parts, policies, change, current.network);
    const { generation } = await want(parts.db, current, current.wanted === "deleted" ? "running" : current.wanted);
    crashPoint("control.network.wanted");
    const host = await parts.host.execute(randomUUID(), { name: "setNetwork", sandboxId: row.id, network });
    crashPoint("control.network.made");
    return (await observe(parts.db, host, generation)) ?? findSandbox(parts.db, row.workspace, row.id);
  });
}

/** Policy, counters and refusals. Looking wakes nothing. */
export async function readNetwork(parts: SandboxParts, row: SandboxRow): Promise<SandboxNetwork> {
  const { counters, refused } = await figures(parts, row);
  return {
    network: { egress: row.network.egress },
    egress_mbps: row.network.egressMbps,
    counters: countersInfo(counters),
    refused: refused.map(({ lastAt, ...rest }) => ({ ...rest, last_at: lastAt })),
  };
}

/** A sandbox that its host has not, or not yet, has sent nothing. */
async function figures(parts: SandboxParts, row: SandboxRow): Promise<HostNetworkFigures> {
  if (row.status === "creating" || row.status === "failed") return NO_FIGURES;
  try {
    return await parts.host.network(row.id);
  } catch (error) {
    if (error instanceof Refusal) return NO_FIGURES;
    throw error;
  }
}

const NO_FIGURES: HostNetworkFigures = {
  counters: { sentPackets: 0, sentBytes: 0, receivedPackets: 0, receivedBytes: 0, refusedPackets: 0 },
  refused: [],
};

/** As the metrics show them. */
export const readCounters = async (parts: SandboxParts, row: SandboxRow): Promise<SandboxNetwork["counters"]> =>
  countersInfo((await figures(parts, row)).counters);

const countersInfo = (counters: HostNetworkFigures["counters"]): SandboxNetwork["counters"] => ({
  sent_packets: counters.sentPackets,
  sent_bytes: counters.sentBytes,
  received_packets: counters.receivedPackets,
  received_bytes: counters.receivedBytes,
  refused_packets: counters.refusedPackets,
});
