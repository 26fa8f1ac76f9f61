import { OPEN_NETWORK, type Egress, type HostNetwork, type HostNetworkFigures } from "@pandastack/contracts/host";
import { run } from "../../../src/processes/run.ts";
import type { NetworkSlot } from "../../../src/network/slot.ts";
import type { Target } from "../programs/peer.ts";
import { plugGuest } from "../world/guest.ts";
import type { Program } from "../world/program.ts";
import { inside, INTERNET, ip, makeWorld, NAME_SERVER, nft, type World } from "../world/world.ts";

export const PORT = 4444;
/** The machine outside that every name leads to, and another one. */
export const NAMED = `${INTERNET}.2`;
export const OTHER = `${INTERNET}.3`;

/** A slot with a guest in it, and machines outside to talk to: what tests of policies begin with. */
export interface Guarded {
  readonly world: World;
  readonly serverId: string;
  readonly slot: NetworkSlot;
  readonly guest: Program;
  readonly host: Program;
  readonly outside: Program;
  server(): Program;
  /** Kills the agent and starts another, which adopts the slot with this policy. */
  restart(wanted: HostNetwork): Promise<Program>;
  allow(egress: Egress, egressMbps?: number | null): Promise<void>;
  dial(...targets: Target[]): Promise<string[]>;
  /** Where each must answer, if only with a refusal. */
  answers(...targets: Target[]): Promise<string[]>;
  figures(): Promise<HostNetworkFigures>;
  /** Packets that have come from the slot to the host since it was asked the last time, whatever became of them there. */
  sent(): Promise<number>;
  close(): Promise<void>;
}

export async function makeGuarded(options: { allowPrivate?: string } = {}): Promise<Guarded> {
  const world = await makeWorld();
  const serverId = world.newServerId();
  const { runDir, resolvConfPath } = world;
  const open = { serverId, runDir, prepareCount: 0, resolvConfPath, ...options };
  let server = world.start("server", world.host);
  await server.call("open", open);
  await server.call("adopt", []);
  await ip(world.outside, `addr add ${OTHER}/24 dev wan0`);
  const netns = await world.addNetns("guest");
  const slot = await server.call<NetworkSlot>("acquire");
  await plugGuest(slot, netns);
  const [guest, host, outside] = [netns, world.host, world.outside].map((name) => world.start("peer", name));
  for (const peer of [guest!, host!, outside!]) await peer.call("listen", PORT);
  await outside!.call("listen", 443);
  await outside!.call("serveHttp", 80);
  await world.start("name-server", world.outside).call("start", NAME_SERVER);
  await nft(
    world.host,
    [
      "table inet watch {",
      "  counter seen { }",
      "  chain watch {",
      "    type filter hook prerouting priority raw - 50; policy accept;",
      `    iifname "${slot.netns}" counter name seen`,
      "  }",
      "}",
      "",
    ].join("\n"),
  );
  return {
    world,
    serverId,
    slot,
    guest: guest!,
    host: host!,
    outside: outside!,
    server: () => server,
    restart: async (wanted) => {
      await server.end("SIGKILL");
      server = world.start("server", world.host);
      await server.call("open", open);
      await server.call("adopt", [slot.number], wanted);
      return server;
    },
    allow: (egress, egressMbps = null) =>
      server.call("configure", slot.number, { ...OPEN_NETWORK, egress, egressMbps }),
    dial: (...targets) => guest!.call("dialAll", targets),
    answers: (...targets) => guest!.call("answersOf", targets),
    figures: () => server.call("figures", slot.number),
    sent: async () => {
      const { stdout } = await run("nsenter", [
        `--net=/run/netns/${world.host}`,
        "nft",
        "reset",
        "counter",
        "inet",
        "watch",
        "seen",
      ]);
      return Number(/packets (\d+)/.exec(stdout)![1]);
    },
    close: async () => {
      try {
        await server.call("close", "remove");
      } finally {
        await world.close();
      }
    },
  };
}

export const tcp = (address: string, port = PORT): Target => ({ over: "tcp", address, port });
export const udp = (address: string, port = PORT): Target => ({ over: "udp", address, port });
export { inside };
