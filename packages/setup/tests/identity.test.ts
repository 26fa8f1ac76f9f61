import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { leaseIdentity, releaseIdentity } from "../src/supervisor/identity.ts";
import { saveForCli } from "../src/supervisor/cli-config.ts";
import { parseListenAddress } from "../src/supervisor/listen-address.ts";
import { parseEnvironmentHelp } from "./help.ts";
import { temporaryFolder } from "./folder.ts";

describe("identity", () => {
  function twoServers() {
    const root = temporaryFolder();
    const folders = ["a", "b"].map((name) => join(root, name));
    for (const folder of folders) mkdirSync(folder);
    return { run: join(root, "run"), a: folders[0] as string, b: folders[1] as string };
  }

  it("stays with its data folder, over stops too", async () => {
    const { run, a } = twoServers();
    const first = await leaseIdentity(a, run);
    expect(first.id).toMatch(/^[0-9a-f]{4}$/);
    expect(first.users).toEqual({ controlPlane: 700_000, postgres: 700_001 });
    releaseIdentity(first, run);
    expect(existsSync(join(run, "identities", `${first.id}.json`))).toBe(false);
    expect(await leaseIdentity(a, run)).toEqual(first);
  });

  it("differs between servers, and a folder that comes back too late gets another number", async () => {
    const { run, a, b } = twoServers();
    const first = await leaseIdentity(a, run);
    releaseIdentity(first, run);
    const second = await leaseIdentity(b, run);
    expect(second.number).toBe(0);
    const again = await leaseIdentity(a, run);
    expect(again.number).toBe(1);
    expect(again.id).not.toBe(second.id);
  });

  it("is had while another server gives its own back", async () => {
    const { run, a, b } = twoServers();
    const first = await leaseIdentity(a, run);
    // Listed, and gone when it is read.
    symlinkSync("nowhere", join(run, "identities", "0000.json"));
    expect((await leaseIdentity(b, run)).number).toBe(first.number + 1);
  });

  it("takes back what a removed data folder had leased", async () => {
    const { run, a, b } = twoServers();
    await leaseIdentity(a, run);
    rmSync(a, { recursive: true });
    expect((await leaseIdentity(b, run)).number).toBe(0);
  });
});

describe("command line's configuration", () => {
  it("gets the token, and keeps another server's", () => {
    const env = { XDG_CONFIG_HOME: temporaryFolder() };
    const file = join(env.XDG_CONFIG_HOME, "pandastack/config.json");
    const mine = { apiUrl: "http://127.0.0.1:8080", token: "pds_1" };
    expect(saveForCli(mine, env)).toBe(`saved for the command line in ${file}`);
    expect(saveForCli({ apiUrl: "http://127.0.0.1:9000", token: "pds_2" }, env)).toContain(
      "is another server's (http://127.0.0.1:8080) and stays",
    );
    expect(JSON.parse(readFileSync(file, "utf8"))).toEqual(mine);
    expect(saveForCli({ ...mine, token: "pds_3" }, env)).toContain("in place of a former server's");
  });
});

describe("PANDASTACK_LISTEN", () => {
  it.each([
    ["127.0.0.1:8080", { host: "127.0.0.1", port: 8080, url: "http://127.0.0.1:8080" }],
    [":9000", { host: "0.0.0.0", port: 9000, url: "http://127.0.0.1:9000" }],
    ["0.0.0.0:80", { host: "0.0.0.0", port: 80, url: "http://127.0.0.1:80" }],
    ["[::1]:8080", { host: "::1", port: 8080, url: "http://[::1]:8080" }],
  ])("understands %s", (text, address) => {
    expect(parseListenAddress(text)).toEqual(address);
  });

  it("is asked over TLS where it has a certificate", () => {
    expect(parseListenAddress("127.0.0.1:8443", "https").url).toBe("https://127.0.0.1:8443");
  });

  it.each(["8080", "localhost", "host:99999", "a:b:1"])("refuses %s", (text) => {
    expect(() => parseListenAddress(text)).toThrow(/host:port/);
  });
});

it("help names every variable that the set-up reads", () => {
  const { named, read } = parseEnvironmentHelp();
  expect(read.filter((name) => !named.includes(name))).toEqual([]);
});
