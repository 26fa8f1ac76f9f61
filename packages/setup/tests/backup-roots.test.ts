import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { copyBuilds, markRoots, rootsOf } from "../src/upkeep/backup/builds.ts";

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "pandastack-backup-roots-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test("what templates are made of is in a backup, and is the restored server's again", async () => {
  const [cache, data, backup, otherCache, otherData] = ["cache", "data", "backup", "other-cache", "other-data"].map(
    (name) => join(folder, name),
  ) as [string, string, string, string, string];
  for (const key of ["used", "unused"]) {
    mkdirSync(join(cache, "roots", key), { recursive: true });
    writeFileSync(join(cache, "roots", key, "root.json"), key);
  }
  mkdirSync(join(data, "roots"), { recursive: true });
  for (const key of ["used", "lost"]) writeFileSync(join(data, "roots", key), "");
  mkdirSync(join(cache, "recipes", "npm-@scope"), { recursive: true });
  writeFileSync(join(cache, "recipes", "npm-@scope", "name-1.0.0.json"), JSON.stringify({ key: "@scope/name-1.0.0" }));
  const roots = rootsOf(cache, data);
  expect(roots, "one that is not there cannot be kept").toEqual(["roots/used"]);
  await copyBuilds(cache, backup, roots);
  await copyBuilds(backup, otherCache, roots);
  markRoots(otherData, roots);
  expect(readFileSync(join(otherCache, "roots", "used", "root.json"), "utf8")).toBe("used");
  expect(existsSync(join(otherCache, "roots", "unused"))).toBe(false);
  expect(rootsOf(otherCache, otherData)).toEqual(roots);
});
