import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { PandaStack, Template } from "@pandastack/sdk";
import { waitFor } from "@pandastack/platform";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { createTestDatabase } from "./support/database.ts";
import { FakeHostAgent } from "./support/fake-host.ts";
import { ADMIN_TOKEN, startControlPlane } from "./support/server.ts";

vi.setConfig({ testTimeout: 180_000 });

/** Real host agent, fake runtime: what is kept is files in its folder, and rows. */
let agent: FakeHostAgent;
let database: Awaited<ReturnType<typeof createTestDatabase>>;
let server: Awaited<ReturnType<typeof startControlPlane>>;
let panda: PandaStack;

beforeAll(async () => {
  agent = new FakeHostAgent();
  await agent.start();
  database = await createTestDatabase();
  server = await startControlPlane({
    databaseUrl: database.url,
    hostSocket: agent.socketPath,
    mirrors: {
      npm: "https://npm.internal/",
      pip: undefined,
      apt: undefined,
      cargo: undefined,
      go: "https://go.internal,direct",
      ca: undefined,
    },
  });
  panda = new PandaStack({ baseUrl: server.url, apiKey: ADMIN_TOKEN });
  await waitFor(async () => (await server.api("GET", "/readyz")).status === 200, {
    timeoutMs: 60_000,
    message: "not ready",
  });
});
afterAll(async () => {
  await server.controlPlane.stop();
  await agent.remove();
  await database.drop();
});

/** Names of the files that have this text, in a look during which none goes: builders are removed a moment after their builds. */
async function filesWith(text: string): Promise<string[]> {
  let found: string[] = [];
  const look = (): boolean => {
    try {
      found = filesNowWith(text);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      return false;
    }
  };
  await waitFor(look, { timeoutMs: 20_000, intervalMs: 50, message: "files come and go" });
  return found;
}

/** Made-up machines keep their bytes in base64. */
function filesNowWith(text: string): string[] {
  return readdirSync(agent.folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => {
      const content = readFileSync(path, "latin1");
      if (content.includes(text)) return true;
      const encoded = [...content.matchAll(/"\$bytes":"([A-Za-z0-9+/=]+)"/g)];
      return encoded.some(([, bytes]) => Buffer.from(bytes!, "base64").includes(text));
    });
}

/** Names of the tables with a row that has it. */
async function tablesWith(text: string): Promise<string[]> {
  const { rows } = await database.query(
    "select table_name as name from information_schema.tables where table_schema = current_schema()",
  );
  const found: string[] = [];
  for (const { name } of rows as { name: string }[]) {
    const { rows: hits } = await database.query(`select 1 from "${name}" as t where t::text like '%${text}%' limit 1`);
    if (hits.length > 0) found.push(name);
  }
  return found;
}

const lines = async (id: string) => (await panda.templates.getBuild(id)).logs({ follow: true }).toArray();

test("a secret is there for its step, and in nothing that is kept", async () => {
  const secret = `hush-${randomBytes(12).toString("hex")}`;
  const marker = `plain-${randomBytes(12).toString("hex")}`;
  const template = Template.from("base")
    .run(`echo ${marker} > /before`)
    .run("cat /run/secrets/token", { secrets: ["token"] })
    .run('echo $TOKEN; test -n "$TOKEN"', { secrets: [{ id: "token", env: "TOKEN" }] })
    .run("test ! -e /run/secrets/token; echo after > /after");
  const build = await panda.templates.build("hushed", template, { secrets: { token: secret } });
  expect(await build.done()).toMatchObject({ status: "done" });
  const said = await lines(build.id);
  expect(said.filter((line) => line === "********")).toHaveLength(2);
  expect(said.filter((line) => line.startsWith("its result is not kept"))).toHaveLength(3);
  const sandbox = await panda.sandboxes.create({ template: "hushed" });
  expect((await sandbox.commands.run("cat /before /after; ls /run/secrets")).stdout).toBe(`${marker}\nafter\n`);
  expect((await sandbox.commands.run("echo $TOKEN")).stdout).toBe("\n");
  await sandbox.kill();
  // That it is looked for where it would be: the marker is in the layer of the first step, in the root and in the log.
  const marked = (await filesWith(marker)).join("\n");
  for (const place of ["/roots/", "/snapshots/", "/templates/"]) expect(marked).toContain(place);
  expect(await tablesWith(marker)).toContain("template_build_logs");
  expect(await filesWith(secret)).toEqual([]);
  expect(await tablesWith(secret)).toEqual([]);
});

test("another value is no other recipe; a step without its secret fails and says which", async () => {
  const dockerfile =
    "FROM base\nRUN --mount=type=secret,id=key,required=true test -s /run/secrets/key; echo made > /made";
  const first = await panda.templates.buildDockerfile("keyed", dockerfile, { secrets: { key: "one value" } });
  await first.done();
  const again = await panda.templates.buildDockerfile("keyed", dockerfile, { secrets: { key: "another value" } });
  expect(again.id).toBe(first.id);
  const without = await panda.templates.buildDockerfile("unkeyed", `${dockerfile} # else`);
  await expect(without.done()).rejects.toThrow(/step 1\/1 .*the build was given no secret "key"/);
});

test("a failing step's output does not tell it either", async () => {
  const secret = `hush-${randomBytes(12).toString("hex")}`;
  const template = Template.from("base").run("cat /run/secrets/token; exit 3", { secrets: ["token"] });
  const build = await panda.templates.build("failing", template, { secrets: { token: secret } });
  await expect(build.done()).rejects.toThrow("exit code 3");
  expect((await lines(build.id)).join("\n")).not.toContain(secret);
  expect(await tablesWith(secret)).toEqual([]);
  expect(await filesWith(secret)).toEqual([]);
});

test("steps see the operator's mirrors, and what is built does not", async () => {
  const template = Template.from("base").run("echo $npm_config_registry $GOPROXY > /seen");
  await (await panda.templates.build("mirrored", template)).done();
  const sandbox = await panda.sandboxes.create({ template: "mirrored" });
  expect(await sandbox.files.readText("/seen")).toBe("https://npm.internal/ https://go.internal,direct\n");
  expect((await sandbox.commands.run("echo $npm_config_registry $GOPROXY")).stdout.trim()).toBe("");
  await sandbox.kill();
});
