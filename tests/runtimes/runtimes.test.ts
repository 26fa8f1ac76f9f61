import { execFile } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { arch, tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type FakeServer, startFakeServer } from "../../packages/control-plane/tests/support/fake-server.ts";
import { buildScripts } from "../../packages/sdk/pack/build.ts";
import { obtainNpmPackage } from "../../packages/setup/src/artifacts/npm-package.ts";
import { openCache } from "../../packages/setup/src/cache/cache.ts";

const REPOSITORY = join(import.meta.dirname, "../..");
const SCENARIO = join(REPOSITORY, "packages/control-plane/tests/support/client-scenario.js");
const run = promisify(execFile);

/** As they come from the npm registry: one program each. */
const BUN = { name: "@oven/bun-linux-x64-baseline", version: "1.4.5", program: "bin/bun" };
const DENO = { name: "@deno/linux-x64-glibc", version: "2.9.6", program: "deno" };

let server: FakeServer;
const project = mkdtempSync(join(tmpdir(), "pandastack-runtimes-"));

beforeAll(async () => {
  server = await startFakeServer();
  const installed = join(project, "node_modules/@pandastack/sdk");
  mkdirSync(installed, { recursive: true });
  buildScripts(installed);
  symlinkSync(join(REPOSITORY, "node_modules/ws"), join(project, "node_modules/ws"));
  cpSync(SCENARIO, join(project, "scenario.js"));
  writeFileSync(join(project, "package.json"), '{"type":"module","dependencies":{"@pandastack/sdk":"*"}}');
  writeFileSync(
    join(project, "main.js"),
    `import * as sdk from "@pandastack/sdk";
    import { EXPECTED, scenario } from "./scenario.js";
    import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
    const given = ${JSON.stringify({ url: server.url, token: server.token })};
    const found = await scenario(sdk, given);
    // What only programs can: files of their own, TCP connections.
    const sandbox = await new sdk.PandaStack({ baseUrl: given.url, apiKey: given.token }).sandboxes.create({ ttlSeconds: 60 });
    writeFileSync("up", "from here");
    await sandbox.files.upload("up", "/root/up");
    await sandbox.files.download("/root/up", "down");
    await sandbox.kill();
    console.log(JSON.stringify({ found, expected: EXPECTED, down: readFileSync("down", "utf8") }));`,
  );
});
afterAll(async () => {
  await server.stop();
  rmSync(project, { recursive: true });
});

async function fetched({ name, version, program }: typeof BUN): Promise<string> {
  const cache = openCache(process.env["PANDASTACK_CACHE_DIR"] ?? "/var/cache/pandastack");
  const quiet = { say: () => undefined, log: () => undefined };
  const { path } = await obtainNpmPackage(cache, { name, version }, quiet);
  return join(path, program);
}

describe.skipIf(arch() !== "x64")("what is packed of the SDK", () => {
  test.each([
    ["Node", async () => process.execPath, ["main.js"]],
    ["Bun", () => fetched(BUN), ["run", "main.js"]],
    ["Deno", () => fetched(DENO), ["run", "--allow-all", "--node-modules-dir=manual", "main.js"]],
  ] as const)("works on %s", async (_name, find, args) => {
    const program = await find();
    expect(existsSync(program), program).toBe(true);
    const env = { PATH: process.env["PATH"], HOME: project, DENO_DIR: join(project, "deno") };
    const { stdout } = await run(program, args, { cwd: project, env, timeout: 100_000 });
    const { found, expected, down } = JSON.parse(stdout.trim().split("\n").at(-1)!);
    expect(found).toEqual(expected);
    expect(down).toBe("from here");
  });
});
