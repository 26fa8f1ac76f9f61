import { spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { openCache } from "../src/cache/cache.ts";
import { hashParts, hashSources, hashTree } from "../src/cache/hash.ts";
import { waitFor } from "../src/tools/wait.ts";
import { temporaryFolder } from "./folder.ts";

const CACHE = JSON.stringify(join(import.meta.dirname, "../src/cache/cache.ts"));

it("builds once, finds it ever after, and gives the same content the same place", async () => {
  const cache = openCache(temporaryFolder());
  let builds = 0;
  const build = (folder: string): Promise<{ key: string; size: number }> => {
    builds++;
    writeFileSync(join(folder, "file"), "content");
    return Promise.resolve({ key: "abc", size: 7 });
  };
  expect(cache.find("thing", "recipe-1")).toBeUndefined();
  const first = await cache.obtain("thing", "recipe-1", build);
  expect(await cache.obtain("thing", "recipe-1", build)).toEqual(first);
  expect(builds).toBe(1);
  expect(first).toEqual({ key: "abc", size: 7, path: join(cache.dir, "thing/abc") });
  expect((await cache.obtain("thing", "recipe-2", build)).path).toBe(first.path);
  expect(readdirSync(join(cache.dir, "thing"))).toEqual(["abc"]);
});

it("forgets a failed build and builds again", async () => {
  const cache = openCache(temporaryFolder());
  const failing = (folder: string): Promise<{ key: string }> => {
    writeFileSync(join(folder, "half"), "");
    return Promise.reject(new Error("no network"));
  };
  await expect(cache.obtain("thing", "r", failing)).rejects.toThrow("no network");
  const { path } = await cache.obtain("thing", "r", () => Promise.resolve({ key: "k" }));
  expect(existsSync(join(path, "half"))).toBe(false);
});

it("goes on after kill -9 in the middle of a build", { timeout: 60_000 }, async () => {
  const dir = temporaryFolder();
  const script = `const { openCache } = await import(${CACHE}); const { writeFileSync } = await import("node:fs");
    await openCache(process.env.DIR).obtain("thing", "r", (folder) => { writeFileSync(folder + "/half", ""); return new Promise(() => setInterval(() => {}, 1000)); });`;
  const builder = spawn(process.execPath, ["--input-type=module", "-e", script], { env: { ...process.env, DIR: dir } });
  const leftover = (): string[] => (existsSync(join(dir, "thing")) ? readdirSync(join(dir, "thing")) : []);
  await waitFor(() => leftover().some((name) => existsSync(join(dir, "thing", name, "half"))), {
    // A program's start is a second's work on a busy machine.
    timeoutMs: 40_000,
    message: "no build",
  });
  builder.kill("SIGKILL");
  const { path } = await openCache(dir).obtain("thing", "r", () => Promise.resolve({ key: "k" }));
  expect(readdirSync(path)).toEqual([]);
  expect(leftover()).toEqual(["k"]);
});

it("clears away what killed builds of other recipes have left, and nothing that is being built", async () => {
  const cache = openCache(temporaryFolder());
  const half = join(cache.dir, "thing/changed-since.tmp-4194304/work");
  mkdirSync(half, { recursive: true });
  const other = join(cache.dir, "other/r.tmp-4194304");
  mkdirSync(other, { recursive: true });
  const { promise: mayFinish, resolve: finish } = Promise.withResolvers<void>();
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const first = cache.obtain("thing", "at-work", async (folder) => {
    writeFileSync(join(folder, "file"), "");
    begin();
    await mayFinish;
    return { key: "k1" };
  });
  await begun;
  await cache.obtain("thing", "r", () => Promise.resolve({ key: "k2" }));
  expect(existsSync(half)).toBe(false);
  finish();
  expect(existsSync(join((await first).path, "file"))).toBe(true);
  expect(readdirSync(join(cache.dir, "thing")).sort()).toEqual(["k1", "k2"]);
  expect(existsSync(other)).toBe(true);
});

it("lets a second user of the same recipe wait and share", async () => {
  const cache = openCache(temporaryFolder());
  const { promise: mayFinish, resolve: finish } = Promise.withResolvers<void>();
  const first = cache.obtain("thing", "r", async (folder) => {
    writeFileSync(join(folder, "by"), "first");
    await mayFinish;
    return { key: "k" };
  });
  const second = openCache(cache.dir).obtain(
    "thing",
    "r",
    () => Promise.reject<{ key: string }>(new Error("built twice")),
    finish,
  );
  expect((await second).path).toBe((await first).path);
  expect(readFileSync(join((await second).path, "by"), "utf8")).toBe("first");
});

it("hashes names, modes and content, and keeps parts apart", async () => {
  expect(hashParts("ab", "c")).not.toBe(hashParts("a", "bc"));
  const folder = temporaryFolder();
  mkdirSync(join(folder, "x"));
  writeFileSync(join(folder, "x/file"), "1");
  const before = await hashTree(folder);
  expect(await hashTree(folder)).toBe(before);
  writeFileSync(join(folder, "x/file"), "2");
  expect(await hashTree(folder)).not.toBe(before);
});

it("knows sources again in a clone that others may read, or not", async () => {
  const folder = temporaryFolder();
  const file = join(folder, "file");
  writeFileSync(file, "content", { mode: 0o644 });
  const [sources, tree] = [await hashSources(folder), await hashTree(folder)];
  chmodSync(folder, 0o700);
  chmodSync(file, 0o600);
  expect(await hashSources(folder)).toBe(sources);
  expect(await hashTree(folder)).not.toBe(tree);
  chmodSync(file, 0o700);
  expect(await hashSources(folder)).not.toBe(sources);
});
