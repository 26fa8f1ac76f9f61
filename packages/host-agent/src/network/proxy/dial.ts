import { connect, type Socket } from "node:net";
import { normaliseName, parseCidr } from "@pandastack/contracts/host";
import { isOwnAddress } from "../host/own-address.ts";
import type { SlotEgress } from "../policy/slot-egress.ts";
import type { Resolver } from "../resolver/index.ts";
import { CONNECT_TIMEOUT_MS, MAX_ATTEMPTS } from "./limits.ts";

export interface DialOptions {
  readonly egress: SlotEgress;
  readonly resolver: Resolver;
  readonly port: number;
  readonly signal: AbortSignal;
}

/** `refused`: by the rules, and noted. `failed`: allowed, but nobody answered. */
export type Dialled = { readonly socket: Socket } | { readonly refused: true } | { readonly failed: true };

/**
 * Connects to the name that a guest has said, wherever it leads by the host's own name servers: the address that the guest
 * dialled does not matter, so neither a lie about the name nor one about the address gets anywhere.
 */
export async function dialByName(said: string, options: DialOptions): Promise<Dialled> {
  const { egress, resolver, port, signal } = options;
  const refuse = (reason: "name" | "no_address"): Dialled => {
    egress.refusals.note({ destination: said, protocol: "tcp", port, reason });
    return { refused: true };
  };
  const addresses: string[] = [];
  const name = normaliseName(said);
  if (name === undefined) {
    // An address in place of a name goes only where everything goes that is not denied.
    const isAddress = typeof parseCidr(said) !== "string" && !said.includes("/");
    if (!isAddress || egress.policy.allow !== null || !egress.isUsableAddress(said)) return refuse("name");
    addresses.push(said);
  } else {
    if (egress.judgeName(name) !== "read") return refuse("name");
    const found = await resolver.lookup(name, signal);
    if (found === undefined) return { failed: true };
    addresses.push(...(await egress.admit(found)).addresses);
    if (addresses.length === 0) return found.addresses.length === 0 ? { failed: true } : refuse("no_address");
  }
  for (const address of addresses.slice(0, MAX_ATTEMPTS)) {
    if (signal.aborted) return { failed: true };
    if (await isOwnAddress(address)) return refuse("no_address");
    const socket = await connectTo(address, port, signal);
    // The policy may have become another one meanwhile: its change closes what it finds, and has not found this one.
    if (socket && name !== undefined && egress.judgeName(name) !== "read") {
      socket.destroy();
      return refuse("name");
    }
    if (socket) return { socket };
  }
  return { failed: true };
}

function connectTo(host: string, port: number, signal: AbortSignal): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, allowHalfOpen: true, noDelay: true });
    const finish = (result: Socket | undefined): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", giveUp);
      socket.off("error", giveUp);
      // Between here and whoever takes it over, an error must find a listener.
      socket.on("error", () => undefined);
      if (result === undefined) socket.destroy();
      resolve(result);
    };
    const giveUp = (): void => finish(undefined);
    const timer = setTimeout(giveUp, CONNECT_TIMEOUT_MS);
    signal.addEventListener("abort", giveUp, { once: true });
    socket.once("error", giveUp);
    socket.once("connect", () => finish(socket));
  });
}
