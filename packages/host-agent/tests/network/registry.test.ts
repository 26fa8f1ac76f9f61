import { lookup } from "node:dns/promises";
import { readdirSync, readFileSync } from "node:fs";
import { createConnection } from "node:net";
import { randomInt } from "node:crypto";
import { OPEN_NETWORK } from "@pandastack/contracts/host";
import { afterAll, beforeAll, describe, expect, it, type TestContext } from "vitest";
import { GATEWAY_IP } from "../../src/network/addresses.ts";
import { destroyAll, openNetwork, verifyClean, type Network } from "../../src/network/index.ts";
import { run } from "../../src/processes/run.ts";
import { plugGuest } from "./world/guest.ts";
import { Program } from "./world/program.ts";
import { missingForNetns } from "./world/requirements.ts";
import { ip } from "./world/world.ts";

/**
 * The one test that uses the machine's own network: from a slot, by name, to the package mirror that this machine is set up
 * to use. Leases are the real ones, so that it may run beside a server.
 */
const missing = missingForNetns();
const runDir = "/run/pandastack";
const serverId = `t${randomInt(36 ** 6).toString(36)}`;
const guestNetns = `pstest${serverId}`;
const TIMEOUT_MS = 60_000;
const quiet = { info: () => undefined, warn: () => undefined, error: () => undefined };

/** First plain HTTP mirror in apt's sources. */
function configuredMirror(): URL | undefined {
  const files = ["/etc/apt/sources.list"];
  for (const folder of ["/etc/apt/sources.list.d"]) files.push(...namesIn(folder).map((name) => `${folder}/${name}`));
  const texts = files.filter((file) => /\.(list|sources)$/.test(file)).map(readIfThere);
  const found = /^(?:deb\s.*?|URIs:\s*)(http:\/\/\S+)/m.exec(texts.join("\n"));
  return found ? new URL(found[1]!) : undefined;
}

async function whyNot(mirror: URL | undefined): Promise<string | undefined> {
  if (missing) return missing;
  if (!mirror) return "apt has no plain HTTP mirror configured";
  try {
    const { address } = await lookup(mirror.hostname, 4);
    await new Promise<void>((resolve, reject) => {
      const socket = createConnection({ host: address, port: 80, timeout: 5_000 });
      socket.once("connect", () => (socket.destroy(), resolve()));
      socket.once("timeout", () => (socket.destroy(), reject(new Error("timeout"))));
      socket.once("error", reject);
    });
    return undefined;
  } catch (error) {
    return `the host itself does not reach ${mirror.hostname}: ${String(error)}`;
  }
}

describe("a guest on this machine's network", { timeout: TIMEOUT_MS }, () => {
  const mirror = configuredMirror();
  let reason: string | undefined;
  let network: Network;
  let guest: Program;

  beforeAll(async () => {
    reason = await whyNot(mirror);
    if (reason !== undefined) return;
    network = await openNetwork({ serverId, runDir, log: quiet, prepareCount: 0 });
    await network.adopt([]);
    await ip(undefined, `netns add ${guestNetns}`);
    const slot = await network.acquire();
    await network.configure(slot.number, OPEN_NETWORK);
    await plugGuest(slot, guestNetns);
    guest = new Program("peer", guestNetns);
  }, TIMEOUT_MS);

  afterAll(async () => {
    if (reason !== undefined) return;
    await guest?.end("SIGKILL");
    await (network ? network.close("remove") : destroyAll({ serverId, runDir }));
    await run("ip", ["netns", "del", guestNetns]);
    expect(await verifyClean({ serverId, runDir })).toEqual([]);
  }, TIMEOUT_MS);

  const needsNetwork = (context: TestContext): void => {
    if (reason !== undefined) console.log(`not run: ${context.task.name}: ${reason}`);
    context.skip(reason !== undefined, reason);
  };

  it("reaches the package mirror by name", async (context) => {
    needsNetwork(context);
    const status = await guest.call<string>("httpHead", GATEWAY_IP, mirror!.hostname, `${mirror!.pathname}/dists/`);
    expect(status).toMatch(/^HTTP\/1\.[01] [2-4]\d\d/);
  });

  it("reaches neither this machine's addresses nor its name servers", async (context) => {
    needsNetwork(context);
    const { stdout } = await run("ip", ["-j", "-4", "addr"]);
    const links = JSON.parse(stdout) as { addr_info: { local: string }[] }[];
    const own = links.flatMap(({ addr_info: addresses }) => addresses.map(({ local }) => local));
    const servers = [...readFileSync("/etc/resolv.conf", "utf8").matchAll(/^nameserver\s+([\d.]+)$/gm)].map(
      ([, server]) => server!,
    );
    const targets = [
      ...own.map((address) => ({ over: "tcp", address, port: 22 })),
      ...servers.map((address) => ({ over: "tcp", address, port: 53 })),
    ];
    // A refusal would mean that the packet arrived.
    for (const result of await guest.call<string[]>("dialAll", targets)) {
      expect(["timeout", "EHOSTUNREACH"]).toContain(result);
    }
  });
});

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
