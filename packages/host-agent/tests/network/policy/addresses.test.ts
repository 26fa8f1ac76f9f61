import { OPEN_NETWORK } from "@pandastack/contracts/host";
import { waitFor } from "@pandastack/platform";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GATEWAY_IP } from "../../../src/network/addresses.ts";
import { DROP_SLOT_RULES } from "../world/guest.ts";
import { slotRules } from "../../../src/network/slots/rules.ts";
import { missingForNetns } from "../world/requirements.ts";
import { INTERNET, nft } from "../world/world.ts";
import { inside, makeGuarded, NAMED, OTHER, tcp, udp, type Guarded } from "./guarded.ts";

/** Policies by address, in the real kernel, with a netns in the guest's place. */
const missing = missingForNetns();
if (missing) console.log(`not run: policies by address: ${missing}`);
const TIMEOUT_MS = 60_000;
const REFUSED = "EHOSTUNREACH";

describe.skipIf(missing)("a policy by address", { timeout: TIMEOUT_MS }, () => {
  let it_: Guarded;
  beforeAll(async () => void (it_ = await makeGuarded({ allowPrivate: "10.99.0.0/24, 10.200.0.0/16" })), TIMEOUT_MS);
  afterAll(() => it_?.close(), TIMEOUT_MS);

  it("of a slot as it is made lets nothing out, and the host in", async () => {
    const { slot, world } = it_;
    await nft(slot.netns, DROP_SLOT_RULES + slotRules(slot.number));
    await it_.sent();
    expect(await it_.dial(tcp(NAMED), udp(NAMED))).toEqual([REFUSED, expect.not.stringContaining("reached")]);
    await expect(it_.guest.call("lookup", GATEWAY_IP, "example.org", "A")).rejects.toThrow();
    expect(await it_.sent()).toBe(0);
    expect(await it_.host.call("answersOf", [tcp(slot.hostIp)])).toEqual(["reached"]);
    expect(world.host).toBeTruthy();
  });

  // Before any that cuts off connections: the other end of those repeats its goodbye for minutes.
  it("is counted by what it lets through, to see who is silent", async () => {
    const carried = async () => Number(await it_.server().call<string>("carried", it_.slot.number));
    await it_.allow({ allow: [NAMED] });
    const before = await carried();
    expect(await it_.answers(tcp(NAMED))).toEqual(["reached"]);
    expect((await carried()) - before).toBeGreaterThan(4);
    // The other end would repeat a goodbye that the policy keeps from it.
    const isOver = async () => (await it_.outside.call<number>("unfinished")) === 0;
    await waitFor(isOver, { timeoutMs: 20_000, intervalMs: 50, message: "the connection does not end" });
    await it_.allow("off");
    const shut = await carried();
    expect(await it_.dial(tcp(NAMED), udp(OTHER))).not.toContain("reached");
    expect(await carried(), "what is refused is not carried").toBe(shut);
  });

  it("of a list reaches what is on it and nothing else", async () => {
    await it_.allow({ allow: [NAMED] });
    expect(await it_.answers(tcp(NAMED), udp(NAMED), tcp(NAMED, 443))).toEqual(["reached", "reached", "reached"]);
    expect(await it_.answers(tcp(OTHER))).toEqual([REFUSED]);
    await it_.allow({ allow: [`${INTERNET}.0/24`], deny: [NAMED] });
    expect(await it_.answers(tcp(NAMED), tcp(OTHER))).toEqual([REFUSED, "reached"]);
    await it_.allow({ deny: [OTHER] });
    expect(await it_.answers(tcp(NAMED), tcp(OTHER))).toEqual(["reached", REFUSED]);
    expect(await it_.guest.call("lookup", GATEWAY_IP, "example.org", "A")).toEqual([NAMED]);
  });

  it("with addresses alone asks for no names", async () => {
    await it_.allow({ allow: [NAMED] });
    await expect(it_.guest.call("lookup", GATEWAY_IP, "example.org", "A")).rejects.toThrow(/REFUSED/);
  });

  it.each([["off" as const], [{ allow: [] }]])("of %j lets no packet out, and the host in", async (egress) => {
    await it_.allow("open");
    await it_.guest.call("hold", 1, tcp(NAMED));
    expect(await it_.guest.call("talk", 1)).toBe("alive");
    await it_.allow(egress);
    await it_.sent();
    expect(await it_.guest.call("talk", 1)).not.toBe("alive");
    expect(await it_.dial(tcp(NAMED), udp(OTHER), tcp(NAMED, 443))).not.toContain("reached");
    await expect(it_.guest.call("lookup", GATEWAY_IP, "example.org", "A")).rejects.toThrow();
    expect(await it_.sent()).toBe(0);
    expect(await it_.host.call("answersOf", [tcp(it_.slot.hostIp)])).toEqual(["reached"]);
    await it_.guest.call("drop");
  });

  it("that changes leaves what it still allows", async () => {
    await it_.allow("open");
    await it_.guest.call("hold", 2, tcp(NAMED));
    await it_.allow({ allow: [`${INTERNET}.0/24`] });
    expect(await it_.guest.call("talk", 2)).toBe("alive");
    await it_.allow({ allow: [NAMED], deny: [OTHER] });
    expect(await it_.guest.call("talk", 2)).toBe("alive");
    await it_.guest.call("drop");
  });

  it("opens no private network, nor what is shut for all", async () => {
    await it_.allow({ allow: ["0.0.0.0/0"] });
    const targets = [
      tcp("10.99.0.2"),
      tcp("192.168.77.2"),
      tcp("169.254.169.254"),
      tcp(`${INTERNET}.1`),
      tcp("192.0.2.2"),
    ];
    expect(await it_.dial(...targets, tcp(it_.slot.hostIp))).not.toContain("reached");
    expect(await it_.answers(tcp(NAMED))).toEqual(["reached"]);
  });

  it("opens the private networks that it names, as far as the operator lets it", async () => {
    await it_.allow({ allow: [], allowPrivate: ["10.0.0.0/8", "10.99.0.0/24", "192.168.77.0/24"] });
    expect(await it_.dial(tcp("10.99.0.2"))).not.toContain("reached");
    await it_.allow({ allow: [NAMED], allowPrivate: ["10.99.0.0/25", "192.168.77.0/24"] });
    expect(await it_.answers(tcp("10.99.0.2"), tcp(NAMED))).toEqual(["reached", "reached"]);
    // Beyond the operator's list; the host's own address in it; other slots, whatever the operator says.
    expect(await it_.dial(tcp("192.168.77.2"), tcp("10.99.0.1"), tcp("10.200.0.1"))).not.toContain("reached");
  });

  it("limits how much leaves, and takes the limit away again", async () => {
    const shaping = async (): Promise<string> => await inside(it_.slot.netns, "tc", "qdisc", "show", "dev", "up0");
    await it_.allow("open", 5);
    expect(await shaping()).toMatch(/tbf .*rate 5Mbit/);
    expect(await it_.answers(tcp(NAMED))).toEqual(["reached"]);
    await it_.allow("open", 0.25);
    expect(await shaping()).toMatch(/rate 250Kbit/);
    await it_.allow("open");
    expect(await shaping()).not.toMatch(/tbf/);
  });

  it("lets through as much as it says, within a quarter, also after a change; without a limit far more", async () => {
    await it_.outside.call("sink", 5001);
    const mbps = async (): Promise<number> => {
      await it_.guest.call("pour", NAMED, 5001, 1500);
      return it_.outside.call<number>("pouredMbps");
    };
    for (const limit of [20, 4]) {
      await it_.allow("open", limit);
      let measured = await mbps();
      // Measured by a process, which may not have its turn for a while: then what has waited for it counts as one moment's.
      for (let tries = 0; tries < 2 && Math.abs(measured / limit - 1) > 0.25; tries++) measured = await mbps();
      expect(measured, `${limit} Mbit/s`).toBeGreaterThan(limit * 0.75);
      expect(measured, `${limit} Mbit/s`).toBeLessThan(limit * 1.25);
    }
    await it_.allow("open");
    expect(await mbps()).toBeGreaterThan(40);
  });

  it("is counted, and remembers what it refused", async () => {
    await it_.allow({ allow: [NAMED] });
    const before = await it_.figures();
    await it_.dial(tcp(NAMED), tcp(OTHER, 8080), udp(OTHER, 53));
    const { counters, refused } = await it_.figures();
    expect(counters.sentPackets).toBeGreaterThan(before.counters.sentPackets);
    expect(counters.receivedBytes).toBeGreaterThan(before.counters.receivedBytes);
    expect(counters.refusedPackets).toBeGreaterThanOrEqual(before.counters.refusedPackets + 2);
    expect(refused).toContainEqual(
      expect.objectContaining({ destination: OTHER, protocol: "tcp", port: 8080, reason: "address" }),
    );
    expect(refused).toContainEqual(expect.objectContaining({ destination: OTHER, protocol: "udp", port: 53 }));
  });

  it("holds while the agent is away and after it is back, without a packet in between", async () => {
    await it_.allow("off");
    await it_.sent();
    const trying = Array.from({ length: 4 }, async () => {
      for (let round = 0; round < 8; round++)
        await it_.dial(tcp(NAMED), udp(OTHER), tcp(NAMED, 443), udp(GATEWAY_IP, 53));
    });
    const server = await it_.restart({ ...OPEN_NETWORK, egress: "off" });
    await Promise.all(trying);
    expect(await it_.sent()).toBe(0);
    expect(await server.call("warnings")).not.toContainEqual(expect.stringContaining("rules were not"));
    await it_.allow("open");
    expect(await it_.answers(tcp(NAMED))).toEqual(["reached"]);
  });

  it("is put right by an agent whose journal wants another", async () => {
    await it_.allow("open");
    const server = await it_.restart({ egress: { allow: [OTHER] }, egressMbps: null });
    expect(await server.call("warnings")).toContainEqual(expect.stringContaining("rules were not"));
    expect(await it_.answers(tcp(NAMED), tcp(OTHER))).toEqual([REFUSED, "reached"]);
  });
});
