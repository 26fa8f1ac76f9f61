import { readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { UNTAGGED_VERSIONS_KEPT } from "@pandastack/contracts";
import { PandaStack } from "@pandastack/sdk";
import { removeUntagged } from "../src/templates/remove.ts";
import { putTemplate } from "../src/templates/store.ts";
import { ADMIN_TOKEN, limitsWith, startTestServer, type TestServer } from "./support/server.ts";

/** Names, tags, versions and who may use them: of templates that are rows, with sandboxes that are made up. */
let server: TestServer;
let mine: PandaStack;
let other: PandaStack;
let builds = 0;

beforeAll(async () => {
  server = await startTestServer({ limits: limitsWith({ templates: 4 }) });
  mine = new PandaStack({ baseUrl: server.url, apiKey: ADMIN_TOKEN });
  await server.api("POST", "/v1/workspaces", { slug: "other" });
  const { token } = (await server.api("POST", "/v1/workspaces/other/tokens", { role: "admin" })).body;
  other = new PandaStack({ baseUrl: server.url, apiKey: token });
});
afterAll(() => server.stop());

/** What a build that is done leaves; answers the version. */
async function put(name: string): Promise<string> {
  const buildId = `tb_${String(++builds).padStart(16, "0")}`;
  await putTemplate(server.controlPlane.parts.db, {
    name,
    workspace: "default",
    buildId,
    recipeKey: buildId,
    rootKey: buildId.slice(3).padStart(32, "0"),
    base: "base",
    cpu: null,
    memoryMb: 512,
    diskMb: 8192,
    bytes: 1,
    env: {},
    start: null,
    about: {},
  });
  return buildId;
}

const unknown = { status: 404, code: "template.unknown" };
const forbidden = { status: 403, code: "template.forbidden" };
const exists = { status: 409, code: "template.exists" };

describe("tags and versions", () => {
  test("a name stands for the latest, a tag for what it was given, a version for good", async () => {
    const first = await put("app");
    const second = await put("app");
    expect(await mine.templates.get("app")).toMatchObject({ version: second, tags: ["default"], published: false });
    expect((await mine.templates.names.versions("app").toArray()).map(({ id, tags }) => [id, tags])).toEqual([
      [second, ["default"]],
      [first, []],
    ]);
    expect(await mine.templates.names.tag("app", "v1", { from: first })).toMatchObject({ tag: "v1", version: first });
    expect(await mine.templates.get("app:v1")).toMatchObject({ name: "app", version: first });
    expect(await mine.templates.get(`app@${first}`)).toMatchObject({ version: first });
    await mine.templates.names.tag("app", "stable");
    expect((await mine.templates.names.tags("app").toArray()).map(({ tag, version }) => [tag, version])).toEqual([
      ["default", second],
      ["stable", second],
      ["v1", first],
    ]);
    expect((await mine.templates.list().toArray()).filter(({ name }) => name === "app")).toHaveLength(1);
  });

  test("sandboxes say what they were made of", async () => {
    for (const [asked, said] of [
      ["app:v1", "app:v1"],
      ["app:default", "app"],
      ["default/app", "app"],
    ] as const) {
      const sandbox = await mine.sandboxes.create({ template: asked });
      expect(sandbox.info.template).toBe(said);
      expect((await mine.sandboxes.get(sandbox.id)).info.template).toBe(said);
      await sandbox.kill();
    }
    await expect(mine.sandboxes.create({ template: "app:v9" })).rejects.toThrow(/there are app:default, app:stable/);
  });

  test("a build may have a tag of its own", async () => {
    const tagged = await put("app:v3");
    expect(await mine.templates.get("app:v3")).toMatchObject({ version: tagged });
    expect((await mine.templates.get("app")).version).not.toBe(tagged);
  });

  test("what is deleted: a tag, with the version that has no other; a version; everything", async () => {
    const first = (await mine.templates.names.tags("app").toArray()).find(({ tag }) => tag === "v1");
    await mine.templates.names.untag("app", "stable");
    await mine.templates.delete("app:v1");
    await expect(mine.templates.get(`app@${first!.version}`)).rejects.toMatchObject(unknown);
    expect(await mine.templates.get("app")).toMatchObject({ tags: ["default"] });
    await mine.templates.delete("app:v3");
    await mine.templates.delete(`app@${(await mine.templates.get("app")).version}`);
    await expect(mine.templates.get("app")).rejects.toMatchObject(unknown);
    await put("app:only");
    await mine.templates.names.untag("app", "only");
    await expect(mine.templates.get("app")).rejects.toMatchObject(unknown);
    await expect(mine.templates.delete("app")).rejects.toMatchObject(unknown);
    await expect(mine.templates.delete("base")).rejects.toMatchObject(forbidden);
  });

  test("of versions without a tag the newest stay", async () => {
    const made: string[] = [];
    for (let index = 0; index < UNTAGGED_VERSIONS_KEPT + 3; index++) made.push(await put("often"));
    await removeUntagged(server.controlPlane.parts.db);
    const left = await mine.templates.names.versions("often").toArray();
    expect(left.map(({ id }) => id)).toEqual(made.toReversed().slice(0, UNTAGGED_VERSIONS_KEPT + 1));
    await mine.templates.delete("often");
  });

  test.each(["tb_0123456789abcdef", "a b", "-x", "x".repeat(65)])("%s is no tag", async (tag) => {
    await put("plain");
    await expect(mine.templates.names.tag("plain", tag)).rejects.toMatchObject({ code: "validation.failed" });
    await mine.templates.delete("plain");
  });
});

describe("other names", () => {
  test("lead to their template, whatever tag is asked for, and go with it", async () => {
    await put("long-name");
    await put("long-name:v2");
    expect((await mine.templates.names.alias("long-name", "short")).aliases).toEqual(["short"]);
    expect(await mine.templates.get("short:v2")).toMatchObject({ name: "long-name" });
    const sandbox = await mine.sandboxes.create({ template: "short:v2" });
    expect(sandbox.info.template).toBe("long-name:v2");
    await sandbox.kill();
    await mine.templates.names.alias("base", "ours");
    const based = await mine.sandboxes.create({ template: "ours" });
    expect(based.info.template).toBe("base");
    await based.kill();
    await expect(other.templates.get("short")).rejects.toMatchObject(unknown);
    await mine.templates.names.unalias("base", "ours");
    await expect(mine.templates.get("ours")).rejects.toMatchObject(unknown);
    await mine.templates.delete("long-name");
    await expect(mine.templates.get("short")).rejects.toMatchObject(unknown);
  });

  test("are nobody else's name", async () => {
    await put("one");
    await put("two");
    await expect(mine.templates.names.alias("one", "two")).rejects.toMatchObject(exists);
    await expect(mine.templates.names.alias("one", "base")).rejects.toMatchObject(exists);
    await expect(mine.templates.names.alias("one", "node")).rejects.toMatchObject(exists);
    await expect(mine.templates.names.alias("one", "a/b")).rejects.toMatchObject({ code: "validation.failed" });
    await mine.templates.names.alias("one", "uno");
    await expect(mine.templates.buildDockerfile("uno", "FROM base")).rejects.toMatchObject(exists);
    for (const name of ["one", "two"]) await mine.templates.delete(name);
  });
});

describe("published templates", () => {
  test("are used by other workspaces, and changed by none of them", async () => {
    await put("shared");
    await put("shared:v2");
    const ask = (template: string) => other.sandboxes.create({ template });
    await expect(ask("default/shared")).rejects.toMatchObject(forbidden);
    await expect(ask("default/nothing-here")).rejects.toMatchObject(forbidden);
    await expect(ask("shared")).rejects.toMatchObject({ status: 400, code: "template.not_found" });
    await expect(other.templates.get("default/shared")).rejects.toMatchObject(unknown);

    expect(await mine.templates.names.publish("shared")).toMatchObject({ published: true, workspace: "default" });
    expect(await other.templates.get("default/shared:v2")).toMatchObject({ name: "default/shared" });
    const sandbox = await ask("default/shared:v2");
    expect(sandbox.info.template).toBe("default/shared:v2");
    await sandbox.kill();
    await other.templates.names.alias("default/shared", "theirs");
    expect((await other.templates.get("theirs")).aliases).toEqual(["theirs"]);
    const names = async (published: boolean) =>
      (await other.templates.list({ published }).toArray()).map(({ name }) => name);
    expect(await names(true)).toContain("default/shared");
    expect(await names(false)).not.toContain("default/shared");
    for (const change of [
      () => other.templates.delete("default/shared"),
      () => other.templates.names.tag("default/shared", "mine"),
      () => other.templates.names.untag("default/shared", "v2"),
      () => other.templates.names.unpublish("default/shared"),
    ])
      await expect(change()).rejects.toMatchObject(forbidden);

    expect(await mine.templates.names.unpublish("shared")).toMatchObject({ published: false });
    await expect(ask("default/shared")).rejects.toMatchObject(forbidden);
    await expect(ask("theirs")).rejects.toMatchObject(forbidden);
    await mine.templates.delete("shared");
  });
});

test("a workspace has as many templates as it may", async () => {
  for (const name of ["a", "b", "c", "d"]) await put(name);
  await expect(mine.templates.buildDockerfile("e", "FROM base")).rejects.toMatchObject({
    status: 429,
    code: "quota.templates_exceeded",
  });
  const limits = (await server.api("GET", "/v1/me/limits")).body;
  expect(limits).toMatchObject({ limits: { templates: 4 }, usage: { templates: 4, template_builds: 0 } });
  for (const name of ["a", "b", "c", "d"]) await mine.templates.delete(name);
});

test("templates of before there were versions keep their names, and their builds are their versions", async () => {
  const folder = new URL("../src/persistence/migrations/", import.meta.url);
  const all = readdirSync(folder).sort();
  const text = (names: string[]) => names.map((name) => readFileSync(new URL(name, folder), "utf8")).join("\n");
  const before = all.filter((name) => name < "0014");
  await server.database.query(`create schema earlier; set search_path to earlier; ${text(before)};
    insert into templates (name, workspace, build_id, recipe_key, root_key, base, memory_mb, disk_mb, bytes, env, about)
      values ('app', 'default', 'tb_0123456789abcdef', 'recipe', 'root', 'base', 512, 8192, 7, '{"A":"1"}', '{}');
    ${text(all.filter((name) => name >= "0014"))}`);
  const { rows } = await server.database.query(
    "select workspace, name, tag, tags, build_id, root_key, memory_mb, env, published_at from earlier.template_refs",
  );
  expect(rows).toEqual([
    {
      workspace: "default",
      name: "app",
      tag: "default",
      tags: ["default"],
      build_id: "tb_0123456789abcdef",
      root_key: "root",
      memory_mb: 512,
      env: { A: "1" },
      published_at: null,
    },
  ]);
});
