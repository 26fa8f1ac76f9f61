import { waitFor } from "@pandastack/platform";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  GATEWAY_IP,
  GATEWAY_MAC,
  GUEST_IP,
  GUEST_MAC,
  RESOLVER_PORT,
  slotAddresses,
} from "../../src/network/addresses.ts";
import type { NetworkSlot } from "../../src/network/slot.ts";
import type { Target } from "./programs/peer.ts";
import { disarmSlot, DROP_SLOT_RULES, openSlotRules, plugGuest } from "./world/guest.ts";
import type { Program } from "./world/program.ts";
import { missingForNetns } from "./world/requirements.ts";
import { inside, INTERNET, ip, makeWorld, NAME_SERVER, nft, PRIVATE_NETWORKS, type World } from "./world/world.ts";

/**
 * What a guest can and cannot reach, with a netns in the guest's place. Every "cannot" is paired with a control that reaches
 * the very same listener, and is shown twice: as slots are, and with the rules inside the slot gone.
 */
const missing = missingForNetns();
if (missing) console.log(`not run: reachability of slots: ${missing}`);
const PORT = 4444;
const TIMEOUT_MS = 60_000;
/** For one connection of many that need not all be there. */
const HOLD_TIMEOUT_MS = 1_500;

describe.skipIf(missing)("a guest", { timeout: TIMEOUT_MS }, () => {
  let world: World;
  let server: Program;
  let serverId: string;
  let [slotA, slotB]: NetworkSlot[] = [];
  let [guestA, guestB, host, outside]: Program[] = [];

  beforeAll(async () => {
    world = await makeWorld();
    server = world.start("server", world.host);
    serverId = world.newServerId();
    await server.call("open", {
      serverId,
      runDir: world.runDir,
      prepareCount: 0,
      resolvConfPath: world.resolvConfPath,
    });
    const netns = [await world.addNetns("guesta"), await world.addNetns("guestb")];
    [slotA, slotB] = [await server.call<NetworkSlot>("acquire"), await server.call<NetworkSlot>("acquire")];
    await plugGuest(slotA, netns[0]!);
    await plugGuest(slotB, netns[1]!);
    [guestA, guestB] = netns.map((name) => world.start("peer", name));
    [host, outside] = [world.host, world.outside].map((name) => world.start("peer", name));
    for (const peer of [guestA, guestB, host, outside]) await peer!.call("listen", PORT);
    await world.start("name-server", world.outside).call("start", NAME_SERVER);
  }, TIMEOUT_MS);

  afterAll(async () => {
    try {
      await server?.call("close", "remove");
      expect(await server?.call("verifyClean", serverId, world.runDir)).toEqual([]);
    } finally {
      await world?.close();
    }
  }, TIMEOUT_MS);

  const dial = (peer: Program, targets: Target[]): Promise<string[]> => peer.call("dialAll", targets);
  /** Where each must answer, if only with a refusal. */
  const answers = (peer: Program, targets: Target[]): Promise<string[]> => peer.call("answersOf", targets);
  const both = (address: string, port = PORT): Target[] => [
    { over: "tcp", address, port },
    { over: "udp", address, port },
  ];

  it("reaches the internet, and is reached by the host at the slot's address", async () => {
    expect(await answers(guestA!, both(`${INTERNET}.2`))).toEqual(["reached", "reached"]);
    expect(await answers(host!, both(slotA!.hostIp))).toEqual(["reached", "reached"]);
    // It appears outside as the host, and the host appears inside as the gateway.
    expect(await outside!.call("heard")).toContain(`tcp ::ffff:${INTERNET}.1`);
    expect(await guestA!.call("heard")).toContain(`tcp ::ffff:${GATEWAY_IP}`);
  });

  it("resolves names through the gateway, also when the answer is large", async () => {
    expect(await guestA!.call("lookup", GATEWAY_IP, "example.org", "A")).toEqual([`${INTERNET}.2`]);
    const [text] = await guestA!.call<string[]>("lookup", GATEWAY_IP, "large.example.org", "TXT");
    expect(text!.length).toBeGreaterThan(8000);
  });

  it("is refused quickly where it may not go", async () => {
    const results = await answers(guestA!, [
      { over: "tcp", address: "169.254.169.254", port: 80 },
      { over: "tcp", address: GATEWAY_IP, port: 22 },
    ]);
    expect(results).toEqual(["EHOSTUNREACH", "ECONNREFUSED"]);
  });

  /** Forbidden destinations, and who proves that something listens there. */
  const forbidden = (): { name: string; targets: Target[]; control: () => Program }[] => [
    {
      name: "the host's services at its uplink",
      targets: both(`${INTERNET}.1`),
      control: () => outside!,
    },
    {
      name: "the host's services at its side of the veth",
      targets: both(slotAddresses(slotA!.number).vethIp),
      control: () => host!,
    },
    {
      name: "the host's services at an address on its loopback",
      targets: both("192.0.2.2"),
      control: () => host!,
    },
    {
      name: "metadata that the host serves itself",
      targets: both("169.254.169.253"),
      control: () => host!,
    },
    { name: "metadata at 169.254.169.254", targets: both("169.254.169.254"), control: () => host! },
    ...PRIVATE_NETWORKS.map((network) => ({
      name: `a machine in ${network}.0/24`,
      targets: [...both(`${network}.2`), ...both(`${network}.1`)],
      control: () => host!,
    })),
    { name: "another slot's guest", targets: both(slotB!.hostIp), control: () => host! },
    {
      name: "another slot's resolver",
      targets: [{ over: "tcp", address: slotAddresses(slotB!.number).vethIp, port: PORT }],
      control: () => host!,
    },
    {
      name: "the host's name server itself",
      targets: [{ over: "tcp", address: NAME_SERVER, port: PORT }],
      control: () => host!,
    },
  ];

  async function expectShut(): Promise<void> {
    const cases = forbidden();
    const fromGuest = await dial(
      guestA!,
      cases.flatMap(({ targets }) => targets),
    );
    for (const { name, targets, control } of cases) {
      const results = fromGuest.splice(0, targets.length);
      expect(await answers(control(), targets), `control for ${name}`).toEqual(targets.map(() => "reached"));
      expect(results, name).not.toContain("reached");
    }
  }

  it("reaches no host service, metadata, private network or other slot", () => expectShut());

  it("reaches no other slot's resolver, which its own guest does reach", async () => {
    const { vethIp } = slotAddresses(slotB!.number);
    expect(await guestB!.call("lookup", GATEWAY_IP, "example.org", "A")).toEqual([`${INTERNET}.2`]);
    await expect(guestA!.call("lookup", `${vethIp}:${RESOLVER_PORT}`, "example.org", "A")).rejects.toThrow(/lookup/);
  });

  it("broadcasts and multicasts to nobody", async () => {
    await host!.call("heard");
    await dial(
      guestA!,
      ["255.255.255.255", "10.200.255.255", `${INTERNET}.255`, "224.0.0.1", "239.1.2.3"].flatMap((address) =>
        both(address),
      ),
    );
    expect((await host!.call<string[]>("heard")).filter((line) => line.includes("10.200."))).toEqual([]);
  });

  it("is not reached from outside, nor from another slot", async () => {
    const strangers = await dial(outside!, both(slotA!.hostIp));
    expect([...strangers, ...(await dial(guestB!, both(slotA!.hostIp)))]).not.toContain("reached");
  });

  /** What outside hears of a guest that gives itself other addresses; they are its own only in the meantime. */
  async function sendAs(addresses: readonly string[]): Promise<{ results: string[]; heard: string[] }> {
    const guest = world.netnsOf("guesta");
    const strange = addresses.filter((address) => address !== GUEST_IP);
    await ip(guest, ...strange.map((address) => `addr add ${address}/32 dev eth0`));
    await outside!.call("heard");
    const targets = addresses.map((from): Target => ({
      over: "udp",
      address: `${INTERNET}.2`,
      port: PORT,
      from,
    }));
    const results = await dial(guestA!, targets);
    await ip(guest, ...strange.map((address) => `addr del ${address}/32 dev eth0`));
    return { results, heard: await outside!.call("heard") };
  }

  it("sends nothing under another address", async () => {
    const { results, heard } = await sendAs(["10.200.77.2", "198.18.0.77", "10.99.0.77", slotB!.hostIp, GUEST_IP]);
    expect(results.pop()).toBe("reached");
    expect(results).not.toContain("reached");
    expect(heard).toEqual([`udp ::ffff:${INTERNET}.1`]);
  });

  it("sends nothing under another MAC address", async () => {
    const guest = world.netnsOf("guestb");
    await outside!.call("heard");
    await ip(
      guest,
      "link set eth0 address 02:00:00:00:00:99",
      `neigh replace ${GATEWAY_IP} lladdr ${GATEWAY_MAC} nud permanent dev eth0`,
    );
    expect(await dial(guestB!, both(`${INTERNET}.2`))).not.toContain("reached");
    expect(await outside!.call("heard")).toEqual([]);
    await ip(guest, `link set eth0 address ${GUEST_MAC}`);
    expect(await answers(guestB!, both(`${INTERNET}.2`))).toEqual(["reached", "reached"]);
  });

  it("has connections of another life reset at once", async () => {
    await guestB!.call("hold", 1, { over: "tcp", address: `${INTERNET}.2`, port: PORT });
    await guestB!.call("hold", 2, { over: "tcp", address: `${INTERNET}.2`, port: PORT });
    expect(await guestB!.call("talk", 1)).toBe("alive");
    // The guest goes on in another slot, as a restored one does.
    await server.call("release", slotB!.number);
    slotB = await server.call<NetworkSlot>("acquire");
    await plugGuest(slotB, world.netnsOf("guestb"));
    expect(await guestB!.call("talk", 1)).toBe("ECONNRESET");
    expect(await guestB!.call("talk", 2)).toBe("ECONNRESET");
    expect(await answers(guestB!, both(`${INTERNET}.2`))).toEqual(["reached", "reached"]);
  });

  it("has as many connections as it may and no more, and gets closed ones back", async () => {
    await nft(slotB!.netns, DROP_SLOT_RULES + openSlotRules(slotB!.number, 20));
    const target: Target = { over: "tcp", address: `${INTERNET}.2`, port: PORT };
    for (let round = 0; round < 10; round++) {
      expect(
        await answers(
          guestB!,
          Array.from({ length: 12 }, () => target),
        ),
      ).not.toContain("timeout");
    }
    await guestB!.call("hold", 100, target);
    for (let id = 101; id < 120; id++) await guestB!.call("hold", id, target, HOLD_TIMEOUT_MS).catch(() => undefined);
    expect(await dial(guestB!, [target])).toEqual(["timeout"]);
    expect(await guestB!.call("talk", 100)).toBe("alive");
    await guestB!.call("drop");
    await waitFor(async () => (await dial(guestB!, [target]))[0] === "reached", {
      timeoutMs: 20_000,
      message: "no way back",
    });
  });

  describe("whose slot's own rules are gone", () => {
    beforeAll(() => disarmSlot(slotA!));

    it("still reaches the internet, so that what follows means something", async () => {
      expect(await answers(guestA!, both(`${INTERNET}.2`))).toEqual(["reached", "reached"]);
    });

    it("still reaches no host service, metadata, private network or other slot", () => expectShut());

    it("sends nothing under another slot's address", async () => {
      await nft(slotA!.netns, "table ip slot\ndelete table ip slot\n");
      const { results, heard } = await sendAs(["10.200.77.2", "198.18.0.77", slotB!.hostIp, GUEST_IP]);
      expect(results).not.toContain("reached");
      expect(heard).toEqual([]);
    });

    it("speaks no IPv6 with the host", async () => {
      const link = slotA!.netns;
      // Give the host an IPv6 address there, which it does not have by itself, and the slot one too.
      expect(await inside(world.host, "ip", "-6", "-br", "addr", "show", "dev", link)).not.toContain("fe80");
      await inside(
        link,
        "sh",
        "-c",
        "echo 0 >/proc/sys/net/ipv6/conf/all/disable_ipv6; echo 0 >/proc/sys/net/ipv6/conf/up0/disable_ipv6",
      );
      await ip(world.host, `addr add fe80::1/64 dev ${link} nodad`);
      await ip(link, "addr add fe80::2/64 dev up0 nodad");
      const inSlot = world.start("peer", link);
      expect(await answers(host!, both(`fe80::1%${link}`))).toEqual(["reached", "reached"]);
      await host!.call("heard");
      expect(
        await dial(inSlot, [...both("fe80::1%up0"), { over: "udp", address: "ff02::1%up0", port: PORT }]),
      ).not.toContain("reached");
      expect(await host!.call("heard")).toEqual([]);
      await inSlot.end();
    });
  });
});
