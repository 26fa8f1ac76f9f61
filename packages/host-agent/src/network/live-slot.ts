import type { HostNetworkFigures } from "@pandastack/contracts/host";
import { RESOLVER_PORT, slotAddresses } from "./addresses.ts";
import { kernelFigures } from "./policy/kernel-figures.ts";
import { policyComment, type SlotPolicy } from "./policy/rules.ts";
import { SlotEgress } from "./policy/slot-egress.ts";
import { SlotProxy } from "./proxy/slot-proxy.ts";
import type { Resolver, SlotResolver } from "./resolver/index.ts";

/** What this process does for one slot: its policy, the resolver that it asks, and the proxy while there is need of one. */
export class LiveSlot {
  readonly egress: SlotEgress;
  readonly #resolver: Resolver;
  #asked: SlotResolver | undefined;
  #proxy: SlotProxy | undefined;
  #isClosed = false;

  private constructor(egress: SlotEgress, resolver: Resolver) {
    this.egress = egress;
    this.#resolver = resolver;
  }

  /** `isFresh`: its rules are those of `policy` already. Else it goes by `policy` until `adopt` or `change`. */
  static async open(options: {
    serverId: string;
    number: number;
    policy: SlotPolicy;
    isFresh: boolean;
    resolver: Resolver;
    onRefused: () => void;
  }): Promise<LiveSlot> {
    const { resolver } = options;
    const egress = new SlotEgress(options);
    const slot = new LiveSlot(egress, resolver);
    const { vethIp, hostIp } = slotAddresses(options.number);
    slot.#asked = await resolver.open({ address: vethIp, port: RESOLVER_PORT, askerIp: hostIp, gate: egress });
    return slot;
  }

  /** In force when this resolves, also for connections that are open. On failure the policy before still is. */
  async change(policy: SlotPolicy): Promise<void> {
    // It listens before anything is sent to it, and goes after nothing is.
    if (policy.readsNames && !this.#isClosed) this.#proxy ??= await SlotProxy.open(this.egress, this.#resolver);
    await this.egress.change(policy);
    if (policy.readsNames) return this.#proxy?.recheck();
    await this.#proxy?.close();
    this.#proxy = undefined;
  }

  /** Takes over a slot that an earlier agent left; `kernelComments` are those of its rules. Repairs what is not as wanted. */
  async adopt(policy: SlotPolicy, kernelComments: string): Promise<"as wanted" | "repaired"> {
    const isAsWanted = kernelComments.includes(`"${policyComment(policy)}"`);
    if (!isAsWanted) {
      await this.change(policy);
      return "repaired";
    }
    if (policy.readsNames) this.#proxy = await SlotProxy.open(this.egress, this.#resolver);
    this.egress.adopt(policy);
    return "as wanted";
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([this.#asked?.close(), this.#proxy?.close()]);
  }
}

/** What a slot has sent, received and been refused, the newest refusals first. */
export async function slotFigures(serverId: string, slot: LiveSlot): Promise<HostNetworkFigures> {
  const { counters, refused } = await kernelFigures(serverId, slot.egress.number);
  const all = [...refused, ...slot.egress.refusals.list()];
  return { counters, refused: all.toSorted((a, b) => b.lastAt.localeCompare(a.lastAt)) };
}
