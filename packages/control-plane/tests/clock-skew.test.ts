import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type FakeServer, startFakeServer } from "./support/fake-server.ts";

const REPOSITORY = join(import.meta.dirname, "../../..");
const DAY_MS = 86_400_000;
const run = promisify(execFile);

let server: FakeServer;
beforeAll(async () => (server = await startFakeServer()));
afterAll(() => server.stop());

/** Loaded first: from then on the program's clock is wrong by so much. */
const skewed = (ms: number): string[] => {
  const source = `
    const Real = Date;
    globalThis.Date = class Date extends Real {
      constructor(...given) { given.length === 0 ? super(Real.now() + ${ms}) : super(...given); }
      static now() { return Real.now() + ${ms}; }
    };`;
  return ["--import", `data:text/javascript,${encodeURIComponent(source)}`];
};

const env = () => ({
  ...process.env,
  PANDASTACK_API_URL: server.url,
  PANDASTACK_API_KEY: server.token,
  XDG_CONFIG_HOME: "/nonexistent",
});

/** Everything in it that has to do with time: limits, links, lifetimes, events. */
const PROGRAM = `
  import { PandaStack } from ${JSON.stringify(join(REPOSITORY, "packages/sdk/src/index.ts"))};
  const panda = new PandaStack();
  const sandbox = await panda.sandboxes.create({ ttlSeconds: 600 });
  const { stdout } = await sandbox.commands.run("echo ran", { timeoutMs: 20_000 });
  const late = await sandbox.commands.run("sleep 9", { timeoutMs: 200 }).catch((error) => error.code);
  const { expires_at: expiresAt, idle_seconds: idle } = await sandbox.setTtl(300);
  const link = await sandbox.ports.createPreviewLink(3000, { ttlSeconds: 60 });
  const opened = await fetch(link.url, { redirect: "manual" }).then((response) => response.status);
  const token = await panda.tokens.create({ expiresInDays: 1 });
  const me = await new PandaStack({ apiKey: token.token }).tokens.me();
  await panda.tokens.revoke(token.prefix);
  // The log is written behind the answers.
  let audit = [];
  for (const begun = performance.now(); audit.length === 0 && performance.now() - begun < 20_000; )
    audit = await panda.audit.list({ target: token.prefix }).toArray();
  await sandbox.kill();
  console.log(JSON.stringify({ now: Date.now(), stdout, late, expiresAt, idle, linkExpiresAt: link.expires_at, opened, workspace: me.workspace, audit: audit.length }));
`;

describe.each([
  ["a day behind", -DAY_MS],
  ["right", 0],
  ["two days ahead", 2 * DAY_MS],
])("a client whose clock is %s", (_name, skewMs) => {
  test("is told and does the same: times are the server's, limits are spans", async () => {
    const before = Date.now();
    const args = [...skewed(skewMs), "--input-type=module", "-e", PROGRAM];
    const said = JSON.parse((await run(process.execPath, args, { env: env() })).stdout);
    // The clock was wrong indeed.
    expect(Math.abs(said.now - skewMs - Date.now())).toBeLessThan(60_000);
    expect(said).toMatchObject({ stdout: "ran\n", late: "exec.timeout", workspace: "default" });
    expect(said.idle).toBeLessThan(30);
    const left = (at: string) => (Date.parse(at) - before) / 1000;
    expect(left(said.expiresAt)).toBeGreaterThan(299);
    expect(left(said.expiresAt)).toBeLessThan(360);
    expect(left(said.linkExpiresAt)).toBeGreaterThan(59);
    expect(left(said.linkExpiresAt)).toBeLessThan(120);
    // The link is good: that nothing listens behind it is another matter.
    expect([401, 403]).not.toContain(said.opened);
    expect(said.audit).toBeGreaterThan(0);
  });

  test("its command line too", async () => {
    const cli = (...args: string[]) =>
      run(process.execPath, [...skewed(skewMs), join(REPOSITORY, "packages/cli/src/main.ts"), ...args], { env: env() });
    const id = (await cli("create", "--ttl", "600")).stdout.trim();
    expect((await cli("exec", id, "--timeout", "20", "--", "echo ran")).stdout).toBe("ran\n");
    expect(JSON.parse((await cli("ttl", id, "300", "--json")).stdout)).toMatchObject({ ttl_seconds: 300 });
    await expect
      .poll(async () => (await cli("audit", "--target", id)).stdout, { timeout: 20_000 })
      .toContain("createSandbox");
    await cli("kill", id);
  });
});
