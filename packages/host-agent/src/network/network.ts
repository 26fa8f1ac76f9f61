import { Fault, type Logger, crashPoint } from "@pandastack/platform";
import type { NetworkSlot } from "./slot.ts";
import { RESOLVER_PORT, slotAddresses } from "./addresses.ts";
import { removeServer } from "./cleanup.ts";
import type { HostRulesGuard } from "./host/guard.ts";
import { SlotLeases } from "./leases/slots.ts";
import { describeSlot } from "./names.ts";
import { createResolver, type Resolver, type SlotResolver } from "./resolver/index.ts";
import { makeSlot, removeSlots, slotDefect, slotsInKernel } from "./slots/kernel.ts";
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
}

export interface Adoption {
  readonly adopted: readonly NetworkSlot[];
  /** Numbers that can't be used any more, and why. Theirs until `release`: what runs there still has their user. */
  readonly broken: readonly { readonly number: number; readonly reason: string }[];
}

/** The slots of one server. Made by `openNetwork`. */
export class Network {
  private readonly parts: NetworkParts;
  private readonly leases: SlotLeases;
  private readonly resolver: Resolver;
  private readonly resolvers = new Map<number, SlotResolver>();
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

  /** A slot of one's own, fresh: ready ones at once, else the next that is made. */
  async acquire(): Promise<NetworkSlot> {
    if (this.isClosed) throw new Fault("host.unavailable", "the network is closed");
    return describeSlot(this.parts.serverId, await this.stock.take());
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
   * Call it once, also with none.
   */
  async adopt(inUse: readonly number[]): Promise<Adoption> {
    const adopted: NetworkSlot[] = [];
    const broken: { number: number; reason: string }[] = [];
    for (const number of new Set(inUse)) {
      const reason = await this.adoptOne(number);
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
    await Promise.all([...this.resolvers.values()].map((resolver) => resolver.close()));
    this.resolvers.clear();
    await this.parts.guard.close();
    if (how === "remove") await removeServer({ serverId: this.parts.serverId, runDir: this.parts.runDir });
  }

  private async make(): Promise<number> {
    const number = this.leases.acquire();
    crashPoint("host.slot.leased");
    try {
      await makeSlot(this.parts.serverId, number);
      crashPoint("host.slot.made");
      await this.openResolver(number);
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
    await this.resolvers.get(number)?.close();
    this.resolvers.delete(number);
    await removeSlots(this.parts.serverId, [number]);
    crashPoint("host.slot.removed");
    this.leases.release(number);
  }

  private async adoptOne(number: number): Promise<string | undefined> {
    if (!this.unclaimed.has(number)) return "this server has no lease for it";
    const defect = await slotDefect(this.parts.serverId, number);
    if (defect !== undefined) return defect;
    await this.openResolver(number);
    this.unclaimed.delete(number);
    return undefined;
  }

  private async openResolver(number: number): Promise<void> {
    const { vethIp, hostIp } = slotAddresses(number);
    this.resolvers.set(number, await this.resolver.open({ address: vethIp, port: RESOLVER_PORT, askerIp: hostIp }));
  }
}

/** Slots of an earlier life: leases, and whatever the kernel has under this server's names without one. */
export async function findSlots(serverId: string, runDir: string): Promise<number[]> {
  const leased = new SlotLeases(runDir, serverId).held();
  const strays = (await slotsInKernel(serverId)).filter((number) => !leased.includes(number));
  await removeSlots(serverId, strays);
  return leased;
}
