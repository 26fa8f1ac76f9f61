import { PandaStack } from "@pandastack/sdk";
import { TemplateRecipe } from "@pandastack/contracts";
import { waitFor } from "@pandastack/platform";
import { Client, Sandbox as PublishedSandbox } from "pandastack-published";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { catalogue, type CatalogueEntry } from "../src/templates/catalogue-files.ts";
import { createTestDatabase } from "./support/database.ts";
import { FakeHostAgent } from "./support/fake-host.ts";
import { ADMIN_TOKEN, startControlPlane } from "./support/server.ts";

vi.setConfig({ testTimeout: 180_000 });

/** A catalogue of a test's own, on a real host agent whose machines are made up. */
let agent: FakeHostAgent;
let database: Awaited<ReturnType<typeof createTestDatabase>>;
let server: Awaited<ReturnType<typeof startControlPlane>>;
let panda: PandaStack;

const entries = catalogue as CatalogueEntry[];
const catalogueHas = (name: string, recipe: Partial<TemplateRecipe>): void => {
  entries.push({ name, recipe: TemplateRecipe.parse(recipe), files: new Map() });
};
const buildsOf = async (name: string) =>
  (await panda.templates.builds().toArray()).filter((build) => build.name === name).map(({ status }) => status);

beforeAll(async () => {
  agent = new FakeHostAgent();
  await agent.start();
  database = await createTestDatabase();
  server = await startControlPlane({ databaseUrl: database.url, hostSocket: agent.socketPath });
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

test("a create builds what the catalogue has, says how far it is, and the next one builds nothing", async () => {
  catalogueHas("quick", { steps: [{ run: "echo here > /made" }] });
  expect(await panda.templates.get("quick")).toMatchObject({ status: "available" });
  const sandbox = await panda.sandboxes.create({ template: "quick" });
  expect(await sandbox.files.readText("/made")).toBe("here\n");
  await sandbox.kill();
  await (await panda.sandboxes.create({ template: "quick" })).kill();
  expect(await buildsOf("quick")).toEqual(["done"]);
});

test("who asks while it takes its time hears when to ask again; the build goes on, and ours waits for it", async () => {
  catalogueHas("slow", { steps: [{ run: "sleep 12" }, { run: "echo slowly > /made" }] });
  const told: string[] = [];
  const waiting = panda.sandboxes.create({ template: "slow", onTemplateBuild: ({ status }) => void told.push(status) });
  const early = await server.api("POST", "/v1/sandboxes", { template: "slow" });
  expect(early).toMatchObject({
    status: 503,
    body: { code: "template.not_ready", retryable: true, details: { template: "slow", step: 1, steps: 2 } },
  });
  expect(early.headers.get("retry-after")).toBe("5");
  expect(early.body.error).toContain(`pandastack template logs -f ${early.body.details.build_id}`);
  expect(await panda.templates.get("slow")).toMatchObject({ status: "building" });
  const sandbox = await waiting;
  expect(await sandbox.files.readText("/made")).toBe("slowly\n");
  await sandbox.kill();
  expect(await buildsOf("slow")).toEqual(["done"]);
  expect(told).toContain("building");
  expect(told.at(-1)).toBe("done");
});

test("what it is made from is built before it, also for a template of one's own", async () => {
  catalogueHas("below", { steps: [{ run: "echo below > /below" }] });
  catalogueHas("above", { from: "below", steps: [{ run: "cat /below > /above" }] });
  const build = await panda.templates.buildDockerfile("mine", "FROM above\nRUN cat /above > /mine");
  expect(await build.done()).toMatchObject({ status: "done" });
  const sandbox = await panda.sandboxes.create({ template: "mine" });
  expect(await sandbox.files.readText("/mine")).toBe("below\n");
  await sandbox.kill();
});

test("what cannot be built is said with its step, and not begun again by who only wants to use it", async () => {
  catalogueHas("broken", { steps: [{ run: "true" }, { run: "exit 3" }] });
  const refused = { code: "template.build_failed", status: 409 };
  await expect(panda.sandboxes.create({ template: "broken" })).rejects.toMatchObject(refused);
  await expect(panda.sandboxes.create({ template: "broken" })).rejects.toThrow("step 2/2 (RUN exit 3)");
  expect(await buildsOf("broken")).toEqual(["failed"]);
  await expect((await panda.templates.buildCatalogue("broken")).done()).rejects.toThrow("step 2/2");
  expect(await buildsOf("broken")).toEqual(["failed", "failed"]);
});

test("the published client gets its sandbox of one that is built quickly", async () => {
  catalogueHas("published", { steps: [{ run: "echo for all > /made" }] });
  const sandbox = await PublishedSandbox.create(
    { template: "published" },
    new Client({ apiUrl: server.url, apiKey: ADMIN_TOKEN }),
  );
  expect((await sandbox.exec("cat /made")).stdout).toBe("for all\n");
  await sandbox.kill();
});

test("a machine larger than the template's is made when it is first asked for, and kept", async () => {
  const sandbox = await panda.sandboxes.create({ memoryMb: 700 });
  expect(sandbox.info).toMatchObject({ memory_mb: 1_024, template: "base" });
  const again = await panda.sandboxes.create({ memoryMb: 1_000 });
  expect(again.info).toMatchObject({ memory_mb: 1_024 });
  const plain = await panda.sandboxes.create({ memoryMb: 100 });
  expect(plain.info.memory_mb).toBeLessThan(1_024);
  for (const one of [sandbox, again, plain]) await one.kill();
});
