import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { OPEN_NETWORK } from "@pandastack/contracts/host";
import { waitFor } from "@pandastack/platform";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { FIRST_SLOT_UID, GATEWAY_IP } from "../../src/network/addresses.ts";
import type { Adoption } from "../../src/network/network.ts";
import type { NetworkSlot } from "../../src/network/slot.ts";
import { plugGuest } from "./world/guest.ts";
import type { Program } from "./world/program.ts";
import { missingForNetns } from "./world/requirements.ts";
import { inside, INTERNET, ip, makeWorld, NAME_SERVER, nft, type World } from "./world/world.ts";

const missing = missingForNetns();
if (missing) console.log(`not run: life of the network: ${missing}`);
const PORT = 4444;
const TIMEOUT_MS = 60_000;
const REACHED = [{ over: "tcp", address: `${INTERNET}.2`, port: PORT }];

describe.skipIf(missing)("the network of a host", { timeout: TIMEOUT_MS }, () => {
  let world: World;
  let server: Program;
  let serverId: string;
  const opened: string[] = [];

  beforeEach(async () => {
    world = await makeWorld();
    await world.start("peer", world.outside).call("listen", PORT);
    await world.start("name-server", world.outside).call("start", NAME_SERVER);
  }, TIMEOUT_MS);

  /** After every test the host is as it was before: nothing in the kernel, nothing under the run folder, no forwarding. */
  afterEach(async () => {
    try {
      const checker = world.start("server", world.host);
      for (const id of opened.splice(0)) {
        expect(await checker.call("verifyClean", id, world.runDir), `left behind by ${id}`).toEqual([]);
      }
      expect(await forwarding()).toBe("0");
      expect(await inside(world.host, "nft", "list", "ruleset")).toBe("");
      expect((await inside(world.host, "ip", "-br", "link")).match(/^ps/gm)).toBeNull();
      for (const folder of ["slots", "servers"]) expect(filesIn(join(world.runDir, folder))).toEqual([]);
    } finally {
      await world.close();
    }
  }, TIMEOUT_MS);

  const forwarding = async (): Promise<string> =>
    (await inside(world.host, "cat", "/proc/sys/net/ipv4/ip_forward")).trim();
  const netnsOfServer = (id: string): string[] =>
    readdirSync("/run/netns").filter((name) => name.startsWith(`ps${id}-`));

  async function openServer(options: { id?: string; prepareCount?: number; dataDir?: string } = {}): Promise<Program> {
    server = world.start("server", world.host);
    serverId = options.id ?? world.newServerId();
    if (!opened.includes(serverId)) opened.push(serverId);
    const { runDir, resolvConfPath } = world;
    const { prepareCount = 1, dataDir } = options;
    await server.call("open", { serverId, runDir, resolvConfPath, prepareCount, dataDir });
    return server;
  }

  /** Whoever dies while it makes one leaves commands that go on, and make it when the next one has looked. */
  const isPrepared = (count: number): Promise<unknown> =>
    waitFor(async () => (await server.call("readyCount")) === count, { timeoutMs: 15_000, message: "not prepared" });

  async function addGuest(slot: NetworkSlot, role: string): Promise<Program> {
    const netns = await world.addNetns(role);
    await plugGuest(slot, netns);
    return world.start("peer", netns);
  }

  it("hands out slots that differ outside and are alike inside", async () => {
    await openServer({ prepareCount: 3 });
    const slots = await Promise.all([1, 2, 3, 4, 5].map(() => server.call<NetworkSlot>("acquire")));
    expect(new Set(slots.map(({ hostIp }) => hostIp)).size).toBe(5);
    for (const slot of slots) {
      expect(slot.uid).toBe(FIRST_SLOT_UID + slot.number);
      const tap = await inside(slot.netns, "ip", "-d", "link", "show", "dev", slot.tap);
      expect(tap).toMatch(new RegExp(`tun type tap .*persist on user ${slot.uid} group ${slot.uid}\\b`));
      expect(await inside(slot.netns, "cat", "/proc/sys/net/ipv6/conf/all/disable_ipv6")).toBe("1\n");
    }
    await server.call("close", "remove");
  });

  it("makes slots with the policy that most sandboxes have, and changes the rules only for another", async () => {
    await openServer({ prepareCount: 2 });
    const off = { egress: "off", egressMbps: null } as const;
    const [open, shut] = [await server.call<NetworkSlot>("acquire"), await server.call<NetworkSlot>("acquire", off)];
    // Rules that were put in anew have other handles.
    const rules = (slot: NetworkSlot): Promise<string> =>
      inside(slot.netns, "nft", "-a", "list", "chain", "ip", "slot", "egress");
    const asMade = await rules(open);
    expect(asMade).toContain("goto passed");
    expect((await rules(shut)).match(/goto \w+/g)).toEqual(["goto refused"]);
    await server.call("configure", open.number, OPEN_NETWORK);
    expect(await rules(open)).toBe(asMade);
    await server.call("configure", open.number, off);
    expect((await rules(open)).match(/goto \w+/g)).toEqual(["goto refused"]);
    await server.call("close", "remove");
  });

  it("makes slots again as they are taken, and leaves none of those that are given back", async () => {
    await openServer({ prepareCount: 2 });
    await isPrepared(2);
    const slot = await server.call<NetworkSlot>("acquire");
    await isPrepared(2);
    await server.call("release", slot.number);
    await server.call("release", slot.number);
    expect(netnsOfServer(serverId)).not.toContain(slot.netns);
    expect(await inside(world.host, "ip", "-br", "link")).not.toContain(`${slot.netns}@`);
    await server.call("close", "remove");
  });

  it("cuts off a slot that is released although a process is still inside", async () => {
    await openServer();
    const slot = await server.call<NetworkSlot>("acquire");
    const stayed = world.start("peer", slot.netns);
    expect(await stayed.call("dialAll", [])).toEqual([]);
    await server.call("release", slot.number);
    expect(await stayed.call("dialAll", REACHED)).not.toContain("reached");
    await server.call("close", "remove");
    await stayed.end();
  });

  it("keeps the slots in use through a kill -9, their connections and names too", async () => {
    await openServer({ prepareCount: 2 });
    const slot = await server.call<NetworkSlot>("acquire");
    const lost = await server.call<NetworkSlot>("acquire");
    const guest = await addGuest(slot, "adopt");
    await guest.call("hold", 1, REACHED[0]);
    await isPrepared(2);
    await server.end("SIGKILL");
    expect(await guest.call("talk", 1)).toBe("alive");

    await openServer({ id: serverId, prepareCount: 1 });
    const { adopted, broken } = await server.call<Adoption>("adopt", [slot.number, 9999]);
    expect(adopted).toEqual([slot]);
    expect(broken.map(({ number }) => number)).toEqual([9999]);
    await isPrepared(1);
    expect(netnsOfServer(serverId)).toHaveLength(2);
    expect(netnsOfServer(serverId)).not.toContain(lost.netns);
    expect(await guest.call("talk", 1)).toBe("alive");
    expect(await guest.call("lookup", GATEWAY_IP, "a.example", "A")).toEqual([`${INTERNET}.2`]);
    await server.call("close", "remove");
  });

  it("does not adopt a slot that lost a part", async () => {
    await openServer({ prepareCount: 0 });
    const slots = await Promise.all([1, 2, 3, 4].map(() => server.call<NetworkSlot>("acquire")));
    await server.end("SIGKILL");
    await ip(world.host, `link del ${slots[0]!.netns}`);
    await ip(slots[1]!.netns, "link del tap0");
    await nft(slots[2]!.netns, "delete table ip slot\n");
    await openServer({ id: serverId, prepareCount: 0 });
    const { adopted, broken } = await server.call<Adoption>(
      "adopt",
      slots.map(({ number }) => number),
    );
    expect(adopted).toEqual([slots[3]]);
    expect(broken.map(({ reason }) => reason)).toEqual([
      "its veth is gone",
      "tap0 is gone",
      "its table ip slot is gone",
    ]);
    await server.call("close", "remove");
  });

  it("leaves slots in use behind when asked to, and takes them up again", async () => {
    await openServer({ prepareCount: 2 });
    const slot = await server.call<NetworkSlot>("acquire");
    await server.call("close", "leave");
    await server.end();
    expect(netnsOfServer(serverId)).toEqual([slot.netns]);
    await openServer({ id: serverId });
    expect((await server.call<Adoption>("adopt", [slot.number])).adopted).toEqual([slot]);
    await server.call("close", "remove");
  });

  it("lets two servers live side by side, and the last one put the host back", async () => {
    const one = await openServer();
    const other = await openServer();
    const [slot, guestSlot] = [await one.call<NetworkSlot>("acquire"), await other.call<NetworkSlot>("acquire")];
    expect(slot.number).not.toBe(guestSlot.number);
    const guest = await addGuest(guestSlot, "two");
    await one.call("close", "remove");
    expect(await forwarding()).toBe("1");
    expect(await guest.call("answersOf", REACHED)).toEqual(["reached"]);
    await other.call("close", "remove");
  });

  it("refuses a second process with the same id", async () => {
    const first = await openServer();
    await expect(openServer({ id: serverId })).rejects.toThrow(/already running/);
    await first.call("close", "remove");
  });

  it("clears away a server whose agent and data are gone, but not one that may come back", async () => {
    const dataDirs = [1, 2].map(() => mkdtempSync(join(world.runDir, "data-")));
    const ids: string[] = [];
    for (const dataDir of dataDirs) {
      const dying = await openServer({ dataDir });
      ids.push(serverId);
      await dying.call("acquire");
      await isPrepared(1);
      await dying.end("SIGKILL");
    }
    rmSync(dataDirs[0]!, { recursive: true });
    const third = await openServer();
    expect(netnsOfServer(ids[0]!)).toEqual([]);
    expect(netnsOfServer(ids[1]!)).not.toEqual([]);
    expect(await third.call("verifyClean", ids[0], world.runDir)).toEqual([]);
    expect(await third.call("warnings")).toContain("removing a dead server's network");
    await third.call("destroyAll", ids[1], world.runDir);
    await third.call("close", "remove");
    rmSync(dataDirs[1]!, { recursive: true });
  });

  it("does not clear away a dead server's slot with a process inside", async () => {
    const dataDir = mkdtempSync(join(world.runDir, "data-"));
    const dying = await openServer({ dataDir });
    const deadId = serverId;
    const slot = await dying.call<NetworkSlot>("acquire");
    const orphan = world.start("peer", slot.netns);
    await orphan.call("dialAll", []);
    await isPrepared(1);
    await dying.end("SIGKILL");
    rmSync(dataDir, { recursive: true });
    const second = await openServer();
    expect(existsSync(`/run/netns/${slot.netns}`)).toBe(true);
    await second.call("close", "remove");
    await orphan.end();
    const third = await openServer();
    expect(netnsOfServer(deadId)).toEqual([]);
    await third.call("close", "remove");
  });

  it.each([
    [
      "Docker",
      "chain FORWARD {\n type filter hook forward priority filter; policy drop;\n jump DOCKER-USER\n}",
      "chain DOCKER-USER {\n}",
    ],
    ["a firewall with a policy", "chain FORWARD {\n type filter hook forward priority filter; policy drop;\n}", ""],
    [
      "a firewall with a last word",
      'chain f {\n type filter hook forward priority filter; policy accept;\n iifname "x" accept\n counter reject\n}',
      "",
    ],
  ])("gets through %s, and takes its rules out again", async (_, forward, user) => {
    await nft(world.host, `table ip filter {\n${user}\n${forward}\n}\n`);
    const before = await inside(world.host, "nft", "list", "ruleset");
    await openServer();
    const guest = await addGuest(await server.call<NetworkSlot>("acquire"), "fw");
    expect(await guest.call("answersOf", REACHED)).toEqual(["reached"]);
    await isPrepared(1);
    // Another life of the same server finds its rules there already.
    await server.end("SIGKILL");
    await openServer({ id: serverId });
    expect((await inside(world.host, "nft", "list", "table", "ip", "filter")).match(/iifname "ps/g)).toHaveLength(1);
    await server.call("close", "remove");
    expect(await inside(world.host, "nft", "list", "ruleset")).toBe(before);
    await nft(world.host, "delete table ip filter\n");
  });

  it("puts its rules back when the host's firewall is reloaded or changed", async () => {
    await openServer({ prepareCount: 0 });
    const guest = await addGuest(await server.call<NetworkSlot>("acquire"), "flush");
    const rules = (): Promise<string> => inside(world.host, "nft", "-s", "list", "ruleset");
    const before = await rules();
    const changes = [
      "flush ruleset\n",
      `flush chain inet pandastack_${serverId} from_slot\n`,
      `insert rule inet pandastack_${serverId} from_slot accept\n`,
    ];
    for (const change of changes) {
      await nft(world.host, change);
      await waitFor(async () => (await rules()) === before, {
        timeoutMs: 10_000,
        intervalMs: 50,
        message: change,
      });
    }
    // Docker starts after us.
    await nft(
      world.host,
      "table ip filter {\nchain DOCKER-USER {\n}\nchain FORWARD {\ntype filter hook forward priority filter; policy drop;\njump DOCKER-USER\n}\n}\n",
    );
    await waitFor(async () => (await rules()).match(/iifname "ps\S+ accept/g)?.length === 1, {
      timeoutMs: 10_000,
      intervalMs: 50,
      message: "Docker's table got no accept",
    });
    expect(await guest.call("answersOf", REACHED)).toEqual(["reached"]);
    expect(await server.call("warnings")).toHaveLength(4);
    await server.call("close", "remove");
    await nft(world.host, "delete table ip filter\n");
  });

  it("leaves no watcher behind when it is killed", async () => {
    await openServer({ prepareCount: 0 });
    const watchers = async (): Promise<string[]> => {
      const pids = (await inside(world.host, "ip", "netns", "pids", world.host)).split("\n").filter(Boolean);
      return pids.filter((pid) => commandOf(pid).startsWith("nft"));
    };
    await waitFor(async () => (await watchers()).length === 1, { timeoutMs: 15_000, message: "not one watcher" });
    await server.end("SIGKILL");
    await waitFor(async () => (await watchers()).length === 0, {
      timeoutMs: 15_000,
      message: "nft monitor lives on",
    });
    await openServer({ id: serverId });
    await server.call("close", "remove");
    expect(await watchers()).toEqual([]);
  });

  it("refuses a host that uses the slots' addresses itself", async () => {
    await ip(world.host, "route add 10.200.7.0/24 dev wan0");
    await expect(openServer()).rejects.toThrow(/10\.200\.7\.0\/24/);
    await ip(world.host, "route del 10.200.7.0/24 dev wan0");
  });

  it("remembers forwarding that was on before it", async () => {
    await inside(world.host, "sysctl", "-qw", "net.ipv4.ip_forward=1");
    await openServer();
    await server.call("close", "remove");
    expect(await forwarding()).toBe("1");
    await inside(world.host, "sysctl", "-qw", "net.ipv4.ip_forward=0");
  });
});

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8");
  } catch {
    return "";
  }
}

const filesIn = (folder: string): string[] => (existsSync(folder) ? readdirSync(folder) : []);
