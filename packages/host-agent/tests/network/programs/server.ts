import { OPEN_NETWORK, type HostNetwork } from "@pandastack/contracts/host";
import { describeSlot } from "../../../src/network/names.ts";
import {
  destroyAll,
  openNetwork,
  verifyClean,
  readNetworks,
  type Network,
  type OpenNetworkOptions,
} from "../../../src/network/index.ts";
import { makeSlot, removeSlots } from "../../../src/network/slots/kernel.ts";
import { serveMethods } from "./rpc.ts";

/** A host agent's network and nothing else, in whatever netns it was started in. */
let network: Network | undefined;
const warnings: string[] = [];
const note = (_: unknown, message?: string): void => void warnings.push(message ?? "");
const log = {
  info: () => undefined,
  warn: note,
  error: (about: { err?: unknown }, message?: string) => void warnings.push(`${message}: ${String(about.err)}`),
};

async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

serveMethods({
  open: async ({ allowPrivate, ...options }: Omit<OpenNetworkOptions, "log"> & { allowPrivate?: string }) => {
    network = await openNetwork({ ...options, log, operatorPrivate: readNetworks(allowPrivate) });
    return network.found;
  },
  adopt: (numbers: number[], wanted: HostNetwork = OPEN_NETWORK) =>
    network!.adopt(numbers.map((number) => ({ number, network: wanted }))),
  /** Open, as most sandboxes are, unless something else is wanted. */
  acquire: async (wanted: HostNetwork = OPEN_NETWORK) => {
    const slot = await network!.acquire();
    await network!.configure(slot.number, wanted);
    return slot;
  },
  configure: (number: number, wanted: HostNetwork) => network!.configure(number, wanted),
  timeConfigure: (number: number, wanted: HostNetwork) => timed(() => network!.configure(number, wanted)),
  carried: (number: number) => String(network!.carried().get(number)),
  figures: (number: number) => network!.figures(number),
  release: (number: number) => network!.release(number),
  readyCount: () => network!.readyCount,
  close: (how: "remove" | "leave") => network!.close(how),
  verifyClean: (serverId: string, runDir: string) => verifyClean({ serverId, runDir }),
  destroyAll: (serverId: string, runDir: string) => destroyAll({ serverId, runDir }),
  warnings: () => warnings,
  timeSlot: async (serverId: string, number: number) => ({
    make: await timed(() => makeSlot(serverId, number, "")),
    remove: await timed(() => removeSlots(serverId, [number])),
    name: describeSlot(serverId, number).netns,
  }),
  timeAcquire: async () => {
    const start = performance.now();
    const { number } = await network!.acquire();
    const acquired = performance.now();
    await network!.release(number);
    return { acquire: acquired - start, release: performance.now() - acquired };
  },
});
