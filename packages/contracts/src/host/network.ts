import { z } from "zod";
import { contains, formatCidr, parseCidr, withoutNested, type Cidr } from "./cidr.ts";
import { formatDomain, parseDomain, type DomainPattern } from "./domain.ts";

/** Entries of one list: each costs a place in the kernel's sets, and each name is compared with all of them. */
export const MAX_DESTINATIONS = 256;
const MAX_DESTINATION_CHARACTERS = 260;
/** Below it not even a handshake comes to an end in time; above it no link of a host is the bottleneck. */
const MIN_EGRESS_MBPS = 0.1;
const MAX_EGRESS_MBPS = 100_000;

/** Networks that a policy may open by `allowPrivate`. Loopback, link-local (metadata) and multicast are shut for good. */
export const PRIVATE_NETWORKS: readonly string[] = ["10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16"];

const checked = (problemOf: (text: string) => string | undefined) =>
  z
    .string()
    .max(MAX_DESTINATION_CHARACTERS)
    .superRefine((text, context) => {
      const problem = problemOf(text);
      if (problem !== undefined)
        context.addIssue({ code: "custom", message: `${JSON.stringify(text)} ${problem}`, continue: true });
    });

export const Destination = checked((text) => {
  const parsed = parseDestination(text);
  return typeof parsed === "string" ? parsed : undefined;
}).describe("An IPv4 address or network, `example.com` (that name alone) or `*.example.com` (every name below it).");

export const PrivateNetwork = checked((text) => {
  const cidr = parseCidr(text);
  if (typeof cidr === "string") return cidr;
  return PRIVATE_NETWORKS.some((network) => contains(parsedCidr(network), cidr))
    ? undefined
    : `does not lie in a private network (${PRIVATE_NETWORKS.join(", ")})`;
});

export const EgressRules = z
  .strictObject({
    allow: z
      .array(Destination)
      .max(MAX_DESTINATIONS)
      .optional()
      .describe("Nothing else is reached. Left out: everything that is not shut for all. Empty: the same as `off`."),
    deny: z.array(Destination).max(MAX_DESTINATIONS).optional().describe("Goes before `allow`."),
    allowPrivate: z
      .array(PrivateNetwork)
      .max(MAX_DESTINATIONS)
      .optional()
      .describe("Private networks to open, as far as operator and workspace let it."),
  })
  .meta({ id: "EgressRules" });
export type EgressRules = z.infer<typeof EgressRules>;

/** What a sandbox may reach. Whatever it says: the host, metadata and other sandboxes stay shut, and so does IPv6. */
export const Egress = z.union([z.literal("open"), z.literal("off"), EgressRules]).meta({ id: "Egress" });
export type Egress = z.infer<typeof Egress>;

export const EgressMbps = z.number().min(MIN_EGRESS_MBPS).max(MAX_EGRESS_MBPS);

/** A sandbox's network as its host is told of it. */
export const HostNetwork = z.object({
  egress: Egress,
  /** Megabits a second that leave it; null: no limit of its own. */
  egressMbps: EgressMbps.nullable(),
});
export type HostNetwork = z.infer<typeof HostNetwork>;

export const OPEN_NETWORK: HostNetwork = { egress: "open", egressMbps: null };

const count = z.int().min(0);
/** What a slot has seen and refused in this life of its sandbox. */
export const HostNetworkFigures = z.object({
  counters: z.object({
    sentPackets: count,
    sentBytes: count,
    receivedPackets: count,
    receivedBytes: count,
    refusedPackets: count,
  }),
  refused: z.array(
    z.object({
      destination: z.string(),
      protocol: z.enum(["tcp", "udp", "icmp", "dns"]),
      port: z.int().nullable(),
      reason: z.enum(["address", "dns", "no_name", "hidden_name", "name", "no_address", "not_http", "not_tls"]),
      count,
      lastAt: z.iso.datetime(),
    }),
  ),
});
export type HostNetworkFigures = z.infer<typeof HostNetworkFigures>;

export interface Destinations {
  readonly cidrs: readonly Cidr[];
  readonly domains: readonly DomainPattern[];
}

/** A policy, read. `allow` is null when everything is allowed that nothing shuts. */
export interface EgressPolicy {
  readonly isOff: boolean;
  readonly allow: Destinations | null;
  readonly deny: Destinations;
  readonly allowPrivate: readonly Cidr[];
}

const NOTHING: Destinations = { cidrs: [], domains: [] };
const OFF: EgressPolicy = { isOff: true, allow: NOTHING, deny: NOTHING, allowPrivate: [] };

/** Of an `Egress` that its schema has let pass. */
export function readEgress(egress: Egress): EgressPolicy {
  if (egress === "open") return { isOff: false, allow: null, deny: NOTHING, allowPrivate: [] };
  if (egress === "off") return OFF;
  const allowPrivate = withoutNested((egress.allowPrivate ?? []).map(parsedCidr));
  const allow = egress.allow === undefined ? null : destinations(egress.allow);
  // An empty list is "off", unless private networks are opened beside it.
  if (egress.allow?.length === 0 && allowPrivate.length === 0) return OFF;
  return { isOff: false, allow, deny: destinations(egress.deny ?? []), allowPrivate };
}

/** The same policy in the one form that is stored and shown: names in small letters, no duplicates, `off` for what is off. */
export function normaliseEgress(egress: Egress): Egress {
  if (typeof egress === "string") return egress;
  const policy = readEgress(egress);
  if (policy.isOff) return "off";
  const rules: EgressRules = {
    ...(policy.allow === null ? {} : { allow: written(policy.allow) }),
    ...(isEmpty(policy.deny) ? {} : { deny: written(policy.deny) }),
    ...(policy.allowPrivate.length === 0 ? {} : { allowPrivate: policy.allowPrivate.map(formatCidr) }),
  };
  return Object.keys(rules).length === 0 ? "open" : rules;
}

/** Whether names matter: then what goes to ports 80 and 443 is looked into. */
export const hasDomains = ({ allow, deny }: EgressPolicy): boolean =>
  deny.domains.length > 0 || (allow?.domains.length ?? 0) > 0;

export function parseDestination(text: string): Cidr | DomainPattern | string {
  if (text.includes(":"))
    return "is IPv6 or has a port; sandboxes have no IPv6, and rules are by address or name alone";
  return /^[\d./]+$/.test(text) || text.includes("/") ? parseCidr(text) : parseDomain(text);
}

function destinations(texts: readonly string[]): Destinations {
  const cidrs: Cidr[] = [];
  const domains = new Map<string, DomainPattern>();
  for (const text of texts) {
    const parsed = parseDestination(text);
    if (typeof parsed === "string") throw new TypeError(`${text} ${parsed}`);
    if ("prefix" in parsed) cidrs.push(parsed);
    else domains.set(formatDomain(parsed), parsed);
  }
  return { cidrs: withoutNested(cidrs), domains: [...domains.values()] };
}

const isEmpty = ({ cidrs, domains }: Destinations): boolean => cidrs.length + domains.length === 0;

const written = ({ cidrs, domains }: Destinations): string[] => [
  ...cidrs.map(formatCidr),
  ...domains.map(formatDomain),
];

function parsedCidr(text: string): Cidr {
  const cidr = parseCidr(text);
  if (typeof cidr === "string") throw new TypeError(`${text} ${cidr}`);
  return cidr;
}
