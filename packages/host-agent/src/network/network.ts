import { OPEN_NETWORK, type Cidr, type HostNetwork, type HostNetworkFigures } from "@pandastack/contracts/host";
import { Fault, type Logger, crashPoint } from "@pandastack/platform";
import { toolShells } from "../processes/tool-shells.ts";
import type { NetworkSlot } from "./slot.ts";
import { removeServer } from "./cleanup.ts";
import type { HostRulesGuard } from "./host/guard.ts";
import { SlotLeases } from "./leases/slots.ts";
import { LiveSlot, slotFigures } from "./live-slot.ts";
import { describeSlot } from "./names.ts";
import { policyRules, slotPolicy, type SlotPolicy } from "./policy/rules.ts";
import { createResolver, type Resolver } from "./resolver/index.ts";
import { carriedPackets } from "./slots/carried.ts";
import { makeSlot, removeSlots, slotDefect, slotPolicyText, slotsInKernel } from "./slots/kernel.ts";
import { Stock } from "./slots/stock.ts";

/** Slots that are made at a time. The kernel makes links one after the other anyway. */
const CONCURRENT_MAKES = 2;
const RETRY_AFTER_MS = 1_000;
/** A create that was given a slot has about this long to itself. */
const CALM_MS = 100;

export interface NetworkParts {
  readonly serverId: string;
  readonly runDir: string;
  readonly log: Pick<Logger, "info" | "warn" | "error">;
  readonly prepareCount: number;
  readonly resolvConfPath: string;
  readonly guard: HostRulesGuard;
  readonly operatorPrivate: readonly Cidr[];
}

/** A slot that a living machine is in, and what its sandbox may reach. */
export interface SlotInUse {
  readonly number: number;
  readonly network: HostNetwork;
}

export interface Adoption {
  readonly adopted: readonly NetworkSlot[];
  /** Numbers that can't be used any more, and why. Theirs until `release`: what runs there still has their user. */
  readonly broken: readonly { readonly number: number; readonly reason: string }[];
}

/**
 * What a slot is made with, while nothing is in it that could send: most sandboxes get it, and putting a policy in force takes
 * ten milliseconds, which are not to be theirs.
 */
const READY_POLICY = slotPolicy(OPEN_NETWORK, []);
/** What a former agent's slot is taken for until its rules were compared. */
const SHUT_POLICY = slotPolicy({ egress: "off", egressMbps: null }, []);

/** The slots of one server. Made by `openNetwork`. */
export class Network {
  private readonly parts: NetworkParts;
  private readonly leases: SlotLeases;
  private readonly resolver: Resolver;
  private readonly slots = new Map<number, LiveSlot>();
  private readonly refusalListeners = new Set<(number: number) => void>();
  private readonly removals = new Map<number, Promise<void>>();
  private readonly stock: Stock<number>;
  private isClosed = false;
  /** Slots that an earlier life of this server left, until `adopt` has decided about them. */
  private unclaimed: Set<number>;

  constructor(parts: NetworkParts, found: readonly number[]) {
    this.parts = parts;
    this.leases = new SlotLeases(parts.runDir, parts.serverId);
    this.resolver = createResolver({ resolvConfPath: parts.resolvConfPath });
    this.unclaimed = new Set(found);
    this.stock = new Stock({
      target: parts.prepareCount,
      concurrency: CONCURRENT_MAKES,
      retryAfterMs: RETRY_AFTER_MS,
      calmMs: CALM_MS,
      make: () => this.make(),
      onFailure: (error) => parts.log.error({ err: error }, "a network slot could not be made"),
    });
    this.stock.fill();
  }

  /** Numbers of slots from an earlier life that wait for `adopt`. */
  get found(): readonly number[] {
    return [...this.unclaimed];
  }

  /** Slots that wait for their machine. */
  get readyCount(): number {
    return this.stock.readyCount;
  }

  /** A slot of one's own, fresh: ready ones at once, else the next that is made. Nothing may run in it before `configure`. */
  async acquire(): Promise<NetworkSlot> {
    if (this.isClosed) throw new Fault("host.unavailable", "the network is closed");
    return describeSlot(this.parts.serverId, await this.stock.take());
  }

  /** Puts a policy in force: when this resolves, and in one step. On failure the one before is. */
  async configure(number: number, network: HostNetwork): Promise<void> {
    const slot = this.requireSlot(number);
    await slot.change(slotPolicy(network, this.parts.operatorPrivate));
    crashPoint("host.network.applied");
  }

  /** Packets that each slot has carried, by number. */
  carried(): ReadonlyMap<number, bigint> {
    return carriedPackets(this.parts.serverId);
  }

  /** What a slot in use has sent, received and been refused. */
  async figures(number: number): Promise<HostNetworkFigures> {
    return slotFigures(this.parts.serverId, this.requireSlot(number));
  }

  /** Tells of slots whose resolver or proxy has refused something. */
  onRefused(listener: (number: number) => void): void {
    this.refusalListeners.add(listener);
  }

  /**
   * Gives a slot back; resolves when every trace of it is gone (nobody needs to wait for that). It is removed, not reused:
   * no state of the old guest's connections can meet the next one. Whatever ran in it must have ended. Repeatable.
   */
  release(number: number): Promise<void> {
    const removal = this.removals.get(number) ?? this.remove(number).finally(() => this.removals.delete(number));
    this.removals.set(number, removal);
    return removal;
  }

  /**
   * After a start: keeps the slots whose machines live (the journal knows which) and removes all others of an earlier life.
   * Call it once, also with none. Their rules stay as they are, except where they are not what the journal wants.
   */
  async adopt(inUse: readonly SlotInUse[]): Promise<Adoption> {
    const adopted: NetworkSlot[] = [];
    const broken: { number: number; reason: string }[] = [];
    for (const { number, network } of inUse) {
      const reason = await this.adoptOne(number, network);
      if (reason === undefined) adopted.push(describeSlot(this.parts.serverId, number));
      else {
        this.unclaimed.delete(number);
        broken.push({ number, reason });
      }
    }
    const leftovers = [...this.unclaimed];
    this.unclaimed = new Set();
    for (const { number, reason } of broken) this.parts.log.warn({ slot: number, reason }, "a network slot is broken");
    await removeSlots(this.parts.serverId, leftovers);
    for (const number of leftovers) this.leases.release(number);
    return { adopted, broken };
  }

  /**
   * `remove`: every trace of this server's network goes, slots in use too. `leave`: slots in use stay for the next agent to
   * adopt; their guests have no DNS until then.
   */
  async close(how: "remove" | "leave"): Promise<void> {
    this.isClosed = true;
    const ready = await this.stock.close();
    await Promise.all(ready.map((number) => this.release(number)));
    await Promise.all(this.removals.values());
    await Promise.all([...this.slots.values()].map((slot) => slot.close()));
    this.slots.clear();
    await this.parts.guard.close();
    if (how === "remove") await removeServer({ serverId: this.parts.serverId, runDir: this.parts.runDir });
    toolShells.rest();
  }

  private async make(): Promise<number> {
    const number = this.leases.acquire();
    crashPoint("host.slot.leased");
    try {
      await makeSlot(this.parts.serverId, number, policyRules(number, READY_POLICY));
      crashPoint("host.slot.made");
      await this.openSlot(number, { policy: READY_POLICY, isFresh: true });
    } catch (error) {
      await this.remove(number);
      const message = error instanceof Error ? error.message : String(error);
      throw new Fault("host.unavailable", "a network slot could not be made", {
        operatorMessage: message,
        cause: error,
      });
    }
    return number;
  }

  private async remove(number: number): Promise<void> {
    await this.slots.get(number)?.close();
    this.slots.delete(number);
    await removeSlots(this.parts.serverId, [number]);
    crashPoint("host.slot.removed");
    this.leases.release(number);
  }

  private async adoptOne(number: number, network: HostNetwork): Promise<string | undefined> {
    const { serverId, operatorPrivate, log } = this.parts;
    if (!this.unclaimed.has(number)) return "this server has no lease for it";
    const defect = await slotDefect(serverId, number);
    if (defect !== undefined) return defect;
    const slot = await this.openSlot(number, { policy: SHUT_POLICY, isFresh: false });
    const result = await slot.adopt(slotPolicy(network, operatorPrivate), await slotPolicyText(serverId, number));
    if (result === "repaired")
      log.warn({ slot: number }, "a slot's rules were not as its sandbox's policy, and are now");
    this.unclaimed.delete(number);
    return undefined;
  }

  private async openSlot(number: number, rules: { policy: SlotPolicy; isFresh: boolean }): Promise<LiveSlot> {
    const slot = await LiveSlot.open({
      serverId: this.parts.serverId,
      number,
      ...rules,
      resolver: this.resolver,
      onRefused: () => {
        for (const listener of this.refusalListeners) listener(number);
      },
    });
    this.slots.set(number, slot);
    return slot;
  }

  private requireSlot(number: number): LiveSlot {
    const slot = this.slots.get(number);
    if (!slot) throw new Fault("host.unavailable", `network slot ${number} is not in use`);
    return slot;
  }
}

/** Slots of an earlier life: leases, and whatever the kernel has under this server's names without one. */
export async function findSlots(serverId: string, runDir: string): Promise<number[]> {
  const leased = new SlotLeases(runDir, serverId).held();
  const strays = (await slotsInKernel(serverId)).filter((number) => !leased.includes(number));
  await removeSlots(serverId, strays);
  return leased;
}
