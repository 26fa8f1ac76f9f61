import { isDeepStrictEqual } from "node:util";
import type { Addresses, NameGate } from "../resolver/index.ts";
import { MAX_RESOLVED_ADDRESSES } from "../slots/rules.ts";
import { changeSlot } from "../slots/kernel.ts";
import { isUsableAddress } from "./judge-address.ts";
import { isDeniedName, judgeName, type NameVerdict } from "./judge-name.ts";
import { RefusalLog } from "./refusals.ts";
import { addResolved, policyRules, type ResolvedAddress, type SlotPolicy } from "./rules.ts";

/** What answers are told to live for, whatever their servers said: zero would be over before the first packet. */
const MIN_TTL_SECONDS = 5;
const MAX_TTL_SECONDS = 3600;
/** An address stays open for longer than its answer: askers count from when they got it, and dial a little later. */
const GRACE_SECONDS = 30;

interface Resolved {
  /** What was asked for, and its aliases. */
  readonly names: readonly string[];
  readonly expiresAtMs: number;
}

/**
 * One slot's policy as it is in force: in the kernel's rules, and in what its resolver and proxy are told. All changes of the
 * slot's rules come through here, one after the other.
 */
export class SlotEgress implements NameGate {
  readonly number: number;
  readonly refusals: RefusalLog;
  readonly #serverId: string;
  readonly #resolved = new Map<string, Resolved>();
  #policy: SlotPolicy;
  /** Also where nobody knows: a former agent may have been cut off in the middle of a change. */
  #isShaped: boolean;
  #work: Promise<unknown> = Promise.resolve();

  /** `isFresh`: made with `policy` in force; else what its rules are is to be found out. */
  constructor(options: {
    serverId: string;
    number: number;
    policy: SlotPolicy;
    isFresh: boolean;
    onRefused: () => void;
  }) {
    this.#serverId = options.serverId;
    this.number = options.number;
    this.#policy = options.policy;
    this.#isShaped = !options.isFresh;
    this.refusals = new RefusalLog(options.onRefused);
  }

  get policy(): SlotPolicy {
    return this.#policy;
  }

  /** Takes over a slot whose rules are in the kernel already. */
  adopt(policy: SlotPolicy): void {
    this.#policy = policy;
  }

  /** In force when this resolves; on failure the one before still is. */
  change(policy: SlotPolicy): Promise<void> {
    return this.#inOrder(async () => {
      const before = this.#policy;
      if (isDeepStrictEqual(policy, before) && !this.#isShaped) return;
      // Names are judged by it from here on; what they open comes after this in order.
      this.#policy = policy;
      const kept = this.#keepAllowed();
      const { egressMbps } = policy.network;
      const shaping = egressMbps === null && !this.#isShaped ? undefined : egressMbps;
      try {
        await changeSlot(this.#serverId, this.number, {
          rules: policyRules(this.number, policy, kept),
          egressMbps: shaping,
        });
        this.#isShaped = egressMbps !== null;
      } catch (error) {
        this.#policy = before;
        throw error;
      }
    });
  }

  judgeName(name: string | undefined): NameVerdict {
    return judgeName(this.#policy, name);
  }

  isUsableAddress(address: string): boolean {
    return isUsableAddress(this.#policy, address);
  }

  noteRefusedName(name: string): void {
    this.refusals.note({ destination: name, protocol: "dns", port: 53, reason: "dns" });
  }

  async admit({ names, addresses, ttlSeconds }: Addresses): Promise<Omit<Addresses, "names">> {
    return this.#inOrder(async () => {
      const told = Math.min(Math.max(ttlSeconds, MIN_TTL_SECONDS), MAX_TTL_SECONDS);
      // The policy may have become another one while the question was on its way.
      if (!this.#mayResolve(names)) return { addresses: [], ttlSeconds: told };
      const usable = addresses.filter((address) => this.isUsableAddress(address));
      if (usable.length < addresses.length)
        this.refusals.note({ destination: names[0]!, protocol: "dns", port: 53, reason: "no_address" });
      await this.#open(names, usable, told + GRACE_SECONDS);
      return { addresses: usable, ttlSeconds: told };
    });
  }

  /** The name has to be allowed; whatever it is called on the way must not be denied. */
  #mayResolve(names: readonly string[]): boolean {
    return this.judgeName(names[0]) === "read" && !names.some((alias) => isDeniedName(this.#policy, alias));
  }

  async #open(names: readonly string[], addresses: readonly string[], seconds: number): Promise<void> {
    const now = performance.now();
    for (const [address, { expiresAtMs }] of this.#resolved) if (expiresAtMs <= now) this.#resolved.delete(address);
    const expiresAtMs = now + seconds * 1000;
    // Told again within its life, an address has to live a little longer; not worth a change for less than a second.
    const short = addresses.filter((address) => (this.#resolved.get(address)?.expiresAtMs ?? 0) < expiresAtMs - 1000);
    if (short.length === 0) return;
    const fresh = short.filter((address) => !this.#resolved.has(address)).length;
    if (this.#resolved.size + fresh > MAX_RESOLVED_ADDRESSES) throw new Error("too many addresses are open");
    const rules = addResolved(short.map((address) => ({ address, seconds })));
    await changeSlot(this.#serverId, this.number, { rules: `${rules.join("\n")}\n` });
    for (const address of short) this.#resolved.set(address, { names, expiresAtMs });
  }

  /** Addresses of names that the policy still allows, with what is left of their life. */
  #keepAllowed(): ResolvedAddress[] {
    const now = performance.now();
    const kept: ResolvedAddress[] = [];
    for (const [address, { names, expiresAtMs }] of this.#resolved) {
      const seconds = Math.ceil((expiresAtMs - now) / 1000);
      if (seconds > 0 && this.#mayResolve(names) && this.isUsableAddress(address)) kept.push({ address, seconds });
      else this.#resolved.delete(address);
    }
    return kept;
  }

  #inOrder<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#work.then(work);
    this.#work = result.catch(() => undefined);
    return result;
  }
}
