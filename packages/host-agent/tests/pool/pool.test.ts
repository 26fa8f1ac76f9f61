import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { closePool, diskUsage, growPool, openPool, poolSpace, reflinkFile } from "../../src/pool/index.ts";
import { loopDevicesOf } from "../../src/pool/loop.ts";
import { mountAt } from "../../src/pool/mounts.ts";
import { run } from "../../src/processes/run.ts";

const MB = 1024 * 1024;
const log = { info: () => {}, warn: () => {} };
const env = { PANDASTACK_POOL_GB: "0.5" };

describe.skipIf(process.getuid?.() !== 0)("pool (needs root)", { timeout: 60_000 }, () => {
  let dataDir = "";
  const image = (): string => join(dataDir, "pool.img");
  const pool = (...names: string[]): string => join(dataDir, "pool", ...names);

  beforeEach(() => {
    // A space in the name: mount tables escape it.
    dataDir = mkdtempSync(join(tmpdir(), "pandastack pool-"));
  });

  afterEach(async () => {
    await closePool({ dataDir, log });
    expect(mountAt(pool())).toBeUndefined();
    expect(await loopDevicesOf(image())).toEqual([]);
    rmSync(dataDir, { recursive: true });
  });

  it("is allocated in full and shares blocks between copies", async () => {
    const { kind, dir } = await openPool({ dataDir, log, env });
    if (kind === "folder") return;
    const { size, blocks } = statSync(image());
    expect(blocks * 512).toBeGreaterThanOrEqual(size);
    writeFileSync(join(dir, "a"), Buffer.alloc(64 * MB, 7), { flush: true });
    await run("sync", ["--file-system", dir]);
    const before = await poolSpace(dir);
    await reflinkFile(join(dir, "a"), join(dir, "b"));
    await run("sync", ["--file-system", dir]);
    expect(before.availableBytes - (await poolSpace(dir)).availableBytes).toBeLessThan(4 * MB);
    expect(await diskUsage(join(dir, "b"))).toBe(64 * MB);
    expect(statSync(image()).blocks).toBe(blocks);
  });

  it("keeps its blocks when files are deleted", async () => {
    const { kind, dir } = await openPool({ dataDir, log, env });
    if (kind === "folder") return;
    const { blocks } = statSync(image());
    writeFileSync(join(dir, "a"), Buffer.alloc(64 * MB, 7), { flush: true });
    rmSync(join(dir, "a"));
    await closePool({ dataDir, log });
    expect(statSync(image()).blocks).toBeGreaterThanOrEqual(blocks);
  });

  it("keeps files over close and open, and opens twice without harm", async () => {
    await openPool({ dataDir, log, env });
    writeFileSync(pool("kept"), "text");
    await openPool({ dataDir, log, env });
    await closePool({ dataDir, log });
    expect(existsSync(pool("kept"))).toBe(false);
    await openPool({ dataDir, log, env });
    expect(readFileSync(pool("kept"), "utf8")).toBe("text");
  });

  it.each(["closed", "mounted"])("goes with its data folder to another path, while it is %s", async (how) => {
    await openPool({ dataDir, log, env });
    writeFileSync(pool("kept"), "text", { flush: true });
    if (how === "closed") await closePool({ dataDir, log });
    const place = `${dataDir}-moved`;
    renameSync(dataDir, place);
    dataDir = place;
    await openPool({ dataDir, log, env });
    expect(readFileSync(pool("kept"), "utf8")).toBe("text");
  });

  it("is opened beside its original where the data folder was copied", async () => {
    const { kind } = await openPool({ dataDir, log, env });
    if (kind === "folder") return;
    writeFileSync(pool("kept"), "text", { flush: true });
    await run("sync", ["--file-system", pool()]);
    const copy = mkdtempSync(join(tmpdir(), "pandastack-pool-copy-"));
    try {
      await run("cp", ["--sparse=always", "--", image(), join(copy, "pool.img")]);
      await openPool({ dataDir: copy, log, env });
      writeFileSync(join(copy, "pool", "kept"), "the copy's");
      expect(readFileSync(pool("kept"), "utf8")).toBe("text");
    } finally {
      await closePool({ dataDir: copy, log });
      rmSync(copy, { recursive: true });
    }
  });

  it("adopts a loop device that was attached and not mounted", async () => {
    if ((await openPool({ dataDir, log, env })).kind === "folder") return;
    writeFileSync(pool("kept"), "text", { flush: true });
    await run("umount", [pool()]);
    expect(await loopDevicesOf(image())).toHaveLength(1);
    await openPool({ dataDir, log, env });
    expect(await loopDevicesOf(image())).toHaveLength(1);
    expect(readFileSync(pool("kept"), "utf8")).toBe("text");
  });

  it("starts over from a half-made image", async () => {
    writeFileSync(join(dataDir, "pool.img.tmp"), Buffer.alloc(MB, 1));
    await openPool({ dataDir, log, env });
    expect(existsSync(join(dataDir, "pool.img.tmp"))).toBe(false);
  });

  it("survives kill -9 of its opener at any moment", async () => {
    const opener = join(import.meta.dirname, "opener.ts");
    for (const delayMs of [60, 120, 180, 240, 320, 450]) {
      const child = spawn(process.execPath, [opener, dataDir], {
        env: { ...process.env, ...env },
        stdio: "ignore",
        detached: true,
      });
      const killed = new Promise((resolve) => child.once("exit", resolve));
      const timer = setTimeout(() => process.kill(-(child.pid as number), "SIGKILL"), delayMs);
      await killed;
      clearTimeout(timer);
    }
    await openPool({ dataDir, log, env });
    writeFileSync(pool("works"), "yes", { flush: true });
    expect((await loopDevicesOf(image())).length).toBeLessThanOrEqual(1);
  });

  it("grows while mounted, and finishes a growth that was cut off", async () => {
    if ((await openPool({ dataDir, log, env })).kind === "folder") return;
    writeFileSync(pool("kept"), "text");
    await growPool({ dataDir, sizeBytes: 768 * MB, log });
    expect((await poolSpace(pool())).totalBytes).toBeGreaterThan(600 * MB);
    await closePool({ dataDir, log });
    await run("fallocate", ["--length", String(1024 * MB), image()]);
    await openPool({ dataDir, log, env });
    expect((await poolSpace(pool())).totalBytes).toBeGreaterThan(850 * MB);
    expect(readFileSync(pool("kept"), "utf8")).toBe("text");
  });

  it("says who uses it when it can't be closed", async () => {
    if ((await openPool({ dataDir, log, env })).kind === "folder") return;
    mkdirSync(pool("folder"));
    const holder = spawn("sleep", ["60"], { cwd: pool("folder") });
    try {
      await expect(closePool({ dataDir, log, timeoutMs: 100 })).rejects.toThrow(`${holder.pid} (sleep 60)`);
    } finally {
      holder.kill("SIGKILL");
      await new Promise((resolve) => holder.once("exit", resolve));
    }
  });

  it("refuses a size that does not fit or is no number", async () => {
    await expect(openPool({ dataDir, log, env: { PANDASTACK_POOL_GB: "900000" } })).rejects.toThrow(/does not fit/);
    await expect(openPool({ dataDir, log, env: { PANDASTACK_POOL_GB: "much" } })).rejects.toThrow(
      /number of gigabytes/,
    );
    expect(existsSync(image())).toBe(false);
  });

  it("serves two servers that open at once", async () => {
    const other = mkdtempSync(join(tmpdir(), "pandastack-pool-"));
    try {
      await Promise.all([openPool({ dataDir, log, env }), openPool({ dataDir: other, log, env })]);
      writeFileSync(pool("mine"), "1");
      expect(existsSync(join(other, "pool/mine"))).toBe(false);
    } finally {
      await closePool({ dataDir: other, log });
      rmSync(other, { recursive: true });
    }
  });
});
