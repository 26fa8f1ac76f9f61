import { z } from "zod";
import { Egress, EgressMbps } from "../host/index.ts";
import { Timestamp } from "./timestamp.ts";

export const Network = z.strictObject({ egress: Egress }).meta({ id: "Network" });
export type Network = z.infer<typeof Network>;

export const UpdateSandboxRequest = z
  .strictObject({
    network: Network.optional().describe("Takes the place of the one before. In force when this is answered."),
    egress_mbps: EgressMbps.nullable().optional().describe("null: no limit."),
  })
  .meta({ id: "UpdateSandboxRequest" });
export type UpdateSandboxRequest = z.infer<typeof UpdateSandboxRequest>;

export const NetworkCounters = z
  .object({
    sent_packets: z.int(),
    sent_bytes: z.int(),
    received_packets: z.int(),
    received_bytes: z.int(),
    refused_packets: z.int(),
  })
  .meta({ id: "NetworkCounters" });

export const RefusedConnection = z
  .object({
    destination: z.string().describe("A name where one was said, else an address; `?` where neither is known."),
    protocol: z.enum(["tcp", "udp", "icmp", "dns"]),
    port: z.int().nullable(),
    reason: z
      .enum(["address", "dns", "no_name", "hidden_name", "name", "no_address", "not_http", "not_tls"])
      .describe(
        "`address`: by the rules by address. `dns`: a question for a name that is not allowed. `name`: the name that a connection said. `no_name`, `hidden_name`: it said none, or encrypted it. `no_address`: an allowed name that leads to a private address. `not_http`, `not_tls`: something else on port 80 or 443.",
      ),
    count: z.int().describe("Packets where it was by address, else attempts."),
    last_at: Timestamp,
  })
  .meta({ id: "RefusedConnection" });

export const SandboxNetwork = z
  .object({
    network: Network,
    egress_mbps: z.number().nullable(),
    counters: NetworkCounters.describe("Since it was created or woken; zeros while it does not run."),
    refused: z.array(RefusedConnection).describe("Newest first; each destination once, of the last hour."),
  })
  .meta({ id: "SandboxNetwork" });
export type SandboxNetwork = z.infer<typeof SandboxNetwork>;

export const WorkspaceNetwork = z
  .object({
    default: Network.nullable().describe("Of sandboxes that are created without saying; null: the ceiling, else open."),
    ceiling: Network.nullable().describe("The most that a sandbox can be given; null: no limit but the operator's."),
  })
  .meta({ id: "WorkspaceNetwork" });
export type WorkspaceNetwork = z.infer<typeof WorkspaceNetwork>;

export const UpdateWorkspaceNetworkRequest = z
  .strictObject({ default: Network.nullish(), ceiling: Network.nullish() })
  .meta({ id: "UpdateWorkspaceNetworkRequest" });
