import { mkdirSync, readFileSync, readdirSync, writeFileSync, existsSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { Journal } from "../../../host-agent/src/journal/journal.ts";
import { rememberUser } from "../../src/cache/users.ts";
import { backUp } from "../../src/upkeep/backup/backup.ts";
import { copyItems } from "../../src/upkeep/backup/items.ts";
import { leaveMachinesBehind, readItems } from "../../src/upkeep/backup/records.ts";
import { restore } from "../../src/upkeep/backup/restore.ts";
import { findPlace, type Place } from "../../src/upkeep/place.ts";
import { temporaryFolder } from "../folder.ts";

/** Sandboxes of the fake runtime have no pool of their own, which is all that these need. */
const FAKE = { PANDASTACK_RUNTIME: "fake" };

describe("backup", () => {
  let folder: string;
  let place: Place;
  let dataDir: string;
  beforeEach(() => {
    folder = temporaryFolder();
    dataDir = join(folder, "data");
    place = placeFor("data");
    mkdirSync(join(dataDir, "pg"), { recursive: true });
    writeFileSync(join(dataDir, "pg", "PG_VERSION"), "18");
    writeFileSync(join(dataDir, "server.json"), JSON.stringify({ id: "ab12", number: 0 }));
  });
  const placeFor = (data: string, cache = "cache"): Place => {
    const env = { PANDASTACK_DATA_DIR: join(folder, data), PANDASTACK_CACHE_DIR: join(folder, cache) };
    return { ...findPlace(env), runRoot: join(folder, "run") };
  };
  const file = (path: string, text: string): void => {
    mkdirSync(join(folder, path, ".."), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  const journalWith = (...changes: Parameters<Journal["commit"]>[0]): Journal => {
    const journal = new Journal(dataDir);
    journal.commit(changes);
    return journal;
  };
  const sandbox = (id: string, more: object = {}) => ({ putSandbox: { id, record: { id, machine: null, ...more } } });

  it("brings what the journal names to another folder, with the builds of its images, and nothing else", async () => {
    journalWith(
      sandbox("s1"),
      { putSnapshot: { id: "n1", record: { id: "n1" } } },
      { putVolume: { id: "v1", record: { id: "v1" } } },
    ).close();
    for (const path of [
      "sandboxes/s1/disk",
      "sandboxes/stranger/disk",
      "snapshots/n1/memory",
      "volumes/v1.ext4",
      "templates/t/disk",
    ])
      file(`data/pool/${path}`, path);
    file("cache/machine/key1/qemu", "the VMM");
    file("cache/machine/key2/qemu", "another VMM");
    file("cache/npm/node-1.2.3/node", "comes with the code");
    file("cache/recipes/machine-recipe1.json", JSON.stringify({ key: "key1" }));
    file("cache/recipes/machine-recipe2.json", JSON.stringify({ key: "key2" }));
    rememberUser(join(folder, "cache"), { dataDir, needs: ["machine/key1", "npm/node-1.2.3"] });

    const target = join(folder, "backups", "one");
    const manifest = await backUp({ place, folder: target, withBuilds: true });
    expect(manifest).toMatchObject({
      sandboxes: 1,
      snapshots: 1,
      volumes: 1,
      hasDatabase: true,
      builds: ["machine/key1"],
    });
    expect(readdirSync(join(folder, "backups"))).toEqual(["one"]);
    expect(readdirSync(join(dataDir, "pool/scratch"))).toEqual([]);

    const there = placeFor("restored", "other-cache");
    await restore({ place: there, folder: target, env: FAKE });
    const pool = join(there.settings.dataDir, "pool");
    expect(readdirSync(pool, { recursive: true }).map(String).toSorted()).toEqual([
      "sandboxes",
      "sandboxes/s1",
      "sandboxes/s1/disk",
      "snapshots",
      "snapshots/n1",
      "snapshots/n1/memory",
      "volumes",
      "volumes/v1.ext4",
    ]);
    expect(readFileSync(join(pool, "volumes/v1.ext4"), "utf8")).toBe("volumes/v1.ext4");
    expect(readFileSync(join(there.settings.dataDir, "pg/PG_VERSION"), "utf8")).toBe("18");
    expect(readdirSync(join(there.settings.cacheDir, "machine"))).toEqual(["key1"]);
    expect(readdirSync(join(there.settings.cacheDir, "recipes"))).toEqual(["machine-recipe1.json"]);
    // The folder is a server's of its own.
    expect(existsSync(join(there.settings.dataDir, "server.json"))).toBe(false);
    const journal = new Journal(there.settings.dataDir);
    expect(journal.sandboxes()).toEqual([{ id: "s1", machine: null }]);
    journal.close();
  });

  it("copies again what changes while it is copied, and leaves out what is deleted meanwhile", async () => {
    const journal = journalWith(sandbox("changes"), sandbox("goes"), sandbox("stays"));
    for (const id of ["changes", "goes", "stays"]) file(`data/pool/sandboxes/${id}/disk`, "old");
    const to = join(folder, "copy");
    const copying = copyItems({ dataDir, journal: join(dataDir, "journal/host.sqlite"), to });
    // Its first copy is under way: the record is another one by the time that it is whole.
    file("data/pool/sandboxes/changes/disk", "new");
    journal.commit([sandbox("changes", { state: "hibernated" }), { removeSandbox: "goes" }, sandbox("comes")]);
    file("data/pool/sandboxes/comes/disk", "new");
    const items = await copying;
    journal.close();
    expect(items.map(({ id }) => id).toSorted()).toEqual(["changes", "comes", "stays"]);
    expect(items.find(({ id }) => id === "changes")?.record).toContain("hibernated");
    expect(readFileSync(join(to, "sandboxes/changes/disk"), "utf8")).toBe("new");
    expect(readdirSync(join(to, "sandboxes")).toSorted()).toEqual(["changes", "comes", "stays"]);
  });

  it("does not take machines along: they may run still, where they were", () => {
    const record = JSON.stringify({ id: "s1", state: "running", machine: { pid: 1, bootId: "here" } });
    const items = [
      { table: "sandboxes" as const, id: "s1", record },
      { table: "volumes" as const, id: "v1", record: "{}" },
    ];
    const [running, volume] = leaveMachinesBehind(items);
    expect(JSON.parse(running!.record)).toEqual({
      id: "s1",
      state: "running",
      machine: { pid: 1, bootId: "restored" },
    });
    expect(volume).toEqual(items[1]);
  });

  it("leaves nothing half made", async () => {
    journalWith(sandbox("s1")).close();
    file("data/pool/sandboxes/s1/disk", "disk");
    await expect(backUp({ place, folder: join(dataDir, "inside"), withBuilds: false })).rejects.toThrow(
      "data folder itself",
    );
    await expect(backUp({ place, folder: folder, withBuilds: false })).rejects.toThrow("exists");
    await expect(backUp({ place: placeFor("nowhere"), folder: join(folder, "b"), withBuilds: false })).rejects.toThrow(
      "no server's data",
    );
    const target = join(folder, "b");
    await backUp({ place, folder: target, withBuilds: false });
    await expect(restore({ place, folder: target, env: FAKE })).rejects.toThrow("not empty");
    await expect(restore({ place: placeFor("x"), folder, env: FAKE })).rejects.toThrow("no backup");
    const noDatabase = { ...place, databaseUrl: "postgresql://elsewhere/x" };
    const other = join(folder, "c");
    expect(await backUp({ place: noDatabase, folder: other, withBuilds: false })).toMatchObject({ hasDatabase: false });
    await expect(restore({ place: placeFor("x"), folder: other, env: FAKE })).rejects.toThrow("DATABASE_URL");
    writeFileSync(join(target, "backup.json"), JSON.stringify({ format: 2 }));
    await expect(restore({ place: placeFor("x"), folder: target, env: FAKE })).rejects.toThrow("format 2");
    expect(existsSync(join(folder, "x"))).toBe(false);
    expect(readItems(join(other, "journal.sqlite"))).toHaveLength(1);
  });
});
