import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { waitFor } from "@pandastack/platform";
import { breakDatabase } from "./support/break-database.ts";
import { BuildWorld } from "./support/build-world.ts";

vi.setConfig({ testTimeout: 120_000 });

const world = new BuildWorld();
beforeAll(() => world.open());
afterAll(() => world.close());
afterEach(() => vi.restoreAllMocks());

const dockerfile = "FROM base\nRUN false";
const underWay = async (name: string) =>
  (await world.query(`select from template_builds where name = '${name}' and status in ('queued', 'building')`)).rows
    .length;

test("a build whose end could not be written down ends all the same, and may be begun anew", async () => {
  breakDatabase(world.server.controlPlane, {
    at: /^update "template_builds" set "status" = \$1, "error"/,
    isDone: false,
    awayMs: 500,
  });
  expect((await world.post({ name: "lost-end", dockerfile })).status).toBe(202);
  await waitFor(async () => (await underWay("lost-end")) === 0, {
    timeoutMs: 30_000,
    message: "it is under way for ever",
  });
  expect((await world.post({ name: "lost-end", dockerfile })).status).toBe(202);
});

test("a build that was done, and only that could not be written down, is done", async () => {
  breakDatabase(world.server.controlPlane, {
    at: /^update "template_builds" set "status" = \$1, "ended_at"/,
    isDone: false,
    awayMs: 0,
  });
  const { id } = (await world.post({ name: "lost-done", dockerfile: "FROM base\nRUN true" })).body;
  expect(await world.ended(id)).toMatchObject({ status: "done" });
  expect(await world.run("lost-done", "echo up")).toBe("up\n");
});

test("a build that was written down, and whose caller was told that it was not, ends", async () => {
  breakDatabase(world.server.controlPlane, { at: /^insert into "template_builds"/, isDone: true, awayMs: 500 });
  expect((await world.post({ name: "lost-begin", dockerfile })).status).toBe(503);
  expect(await underWay("lost-begin")).toBe(1);
  await waitFor(async () => (await underWay("lost-begin")) === 0, {
    timeoutMs: 30_000,
    message: "it is under way for ever",
  });
});
