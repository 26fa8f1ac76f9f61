import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { hostBootId } from "../../src/files/host-boot.ts";
import { withHostLock } from "../../src/network/leases/host-lock.ts";
import {
  claimServer,
  listServers,
  readServer,
  serverState,
  type ServerRecord,
} from "../../src/network/leases/servers.ts";
import { SlotLeases } from "../../src/network/leases/slots.ts";
import { processStat } from "../../src/processes/proc.ts";

let runDir: string;
beforeEach(() => {
  runDir = mkdtempSync(join(tmpdir(), "ps-leases-"));
});
afterEach(() => rmSync(runDir, { recursive: true, force: true }));

describe("slot leases", () => {
  it("never go to two servers", () => {
    const [one, other] = [new SlotLeases(runDir, "one"), new SlotLeases(runDir, "other")];
    const numbers = Array.from({ length: 40 }, (_, index) => (index % 3 === 0 ? one : other).acquire());
    expect(new Set(numbers).size).toBe(40);
    expect([...one.held(), ...other.held()].toSorted((a, b) => a - b)).toEqual(numbers.toSorted((a, b) => a - b));
  });

  it("name their server from the moment they exist", () => {
    const number = new SlotLeases(runDir, "one").acquire();
    expect(readFileSync(join(runDir, "slots", String(number)), "utf8")).toBe("one");
  });

  it("are given back by their owner only, and used again", () => {
    const [one, other] = [new SlotLeases(runDir, "one"), new SlotLeases(runDir, "other")];
    const number = one.acquire();
    other.release(number);
    expect(one.held()).toEqual([number]);
    one.release(number);
    expect(other.acquire()).toBe(number);
  });

  it("outlive the process", () => {
    const number = new SlotLeases(runDir, "one").acquire();
    expect(new SlotLeases(runDir, "one").held()).toEqual([number]);
  });

  it("are not confused by strange files", () => {
    const leases = new SlotLeases(runDir, "one");
    for (const name of ["x", "-1", "99999", "0x1", ".one"]) writeFileSync(join(runDir, "slots", name), "one");
    expect(leases.acquire()).toBe(0);
    expect(leases.held()).toEqual([0]);
  });
});

describe("servers of a host", () => {
  const record = (changes: Partial<ServerRecord> = {}): ServerRecord => ({
    serverId: "one",
    pid: process.pid,
    pidStartTime: processStat(process.pid)!.startTime,
    bootId: hostBootId(),
    dataDir: runDir,
    ...changes,
  });

  it("are alive while their process is", () => expect(serverState(record())).toBe("alive"));

  it("wait for their next start while their data is there", () => {
    expect(serverState(record({ pidStartTime: "1" }))).toBe("waiting");
    expect(serverState(record({ pidStartTime: "1", dataDir: null }))).toBe("waiting");
  });

  it("are dead without process and data, and after a reboot", () => {
    expect(serverState(record({ pidStartTime: "1", dataDir: join(runDir, "gone") }))).toBe("dead");
    expect(serverState(record({ bootId: "another" }))).toBe("dead");
  });

  it("refuse a second process with their id", () => {
    claimServer(runDir, "one", null);
    const path = join(runDir, "servers", "one");
    const parent = {
      ...record(),
      pid: process.ppid,
      pidStartTime: processStat(process.ppid)!.startTime,
    };
    writeFileSync(path, JSON.stringify(parent));
    expect(() => claimServer(runDir, "one", null)).toThrow(/already running/);
    writeFileSync(path, JSON.stringify({ ...parent, pidStartTime: "1" }));
    claimServer(runDir, "one", null);
    expect(readServer(runDir, "one")?.pid).toBe(process.pid);
  });

  it("are not read from files that hold none", () => {
    claimServer(runDir, "one", null);
    for (const text of ["", "{", "null", '{"serverId":"two"}']) writeFileSync(join(runDir, "servers", "x"), text);
    expect(listServers(runDir).map(({ serverId }) => serverId)).toEqual(["one"]);
  });
});

describe("the host's lock", () => {
  it("lets one in at a time", async () => {
    let inside = 0;
    const visit = (): Promise<number> =>
      withHostLock(runDir, async () => {
        expect(++inside).toBe(1);
        await new Promise((resolve) => setImmediate(resolve));
        return inside--;
      });
    await Promise.all([visit(), visit(), visit()]);
  });

  it("is free again after a failure", async () => {
    await expect(withHostLock(runDir, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
    await expect(withHostLock(runDir, () => Promise.resolve(1))).resolves.toBe(1);
  });
});
