import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { HostEvent } from "@pandastack/contracts/host";
import { waitFor } from "@pandastack/platform";
import { expectCallerMayDie } from "./gvisor-caller.ts";
import { openGvisorHost } from "./gvisor-host.ts";
import { missingForMachines } from "./qemu-host.ts";
import type { Box } from "./suite/box.ts";
import type { Target } from "./suite/target.ts";
import { World } from "./suite/world.ts";

const run = promisify(execFile);
/** Looked for four times a second, by this process: what it did not have its turn for comes on top. */
const MAX_DEATH_MS = 5_000;

/** What gVisor promises of sandboxes with a disk, beside what every runtime does. */
describe.skipIf(missingForMachines() !== undefined)("gVisor with disks holds", () => {
  let target: Target;
  let world: World;
  beforeAll(async () => {
    target = await openGvisorHost("disk");
    world = new World(target);
  });
  afterAll(async () => {
    await world?.tidy();
    await target?.close();
  });

  const create = (): Promise<Box> => world.create({ template: "base" }, { persistent: true });
  const untilCold = (box: Box): Promise<unknown> =>
    waitFor(
      () => {
        const { state, bootMode } = target.host.sandbox(box.id);
        return state === "running" && bootMode === "cold";
      },
      { timeoutMs: 60_000, intervalMs: 20, message: "it is not started from its disk" },
    );
  /** Of this server's machines. */
  const gofers = (): number[] =>
    readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .filter((pid) => {
        try {
          const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
          return words.includes("gofer") && words.some((word) => word.startsWith(`${target.folders[1]}/m/`));
        } catch {
          return false;
        }
      })
      .map(Number);

  test("the process that calls sentries may die at any moment", () => expectCallerMayDie(world));

  test("a disk is as large as is said; one that is full says so and ends nothing", async () => {
    const box = await create();
    const [sizeMb, freeMb] = (await box.text("df -m --output=size,avail / | tail -1")).trim().split(/\s+/).map(Number);
    const { diskMb } = target.host.sandbox(box.id);
    expect(sizeMb! / diskMb, "what a file system itself takes is little").toBeGreaterThan(0.95);
    expect(sizeMb!).toBeLessThanOrEqual(diskMb);
    await box.text(`fallocate -l ${freeMb! - 20}M /root/most`);
    const full = await box.run("head -c 100000000 /dev/zero > /root/more");
    expect(full.stderr).toMatch(/No space left on device/);
    await box.text("rm /root/more; echo again > /root/file; sync");
    await world.kill(box);
    await untilCold(box);
    expect(await box.text("cat /root/file; rm /root/most")).toBe("again");
  });

  test("files belong to the same users in every slot", async () => {
    const box = await create();
    await box.text(
      "mkdir /root/d; echo x > /root/d/f; chown 1234:4321 /root/d/f; chmod 4750 /root/d/f; chown user /root/d; sync",
    );
    const look = "stat -c '%u %g %a %n' /root/d /root/d/f /etc/passwd /home/user";
    const before = await box.text(look);
    expect(before).toMatch(/^1234 4321 4750 /m);
    const [child] = await world.fork(box, 1);
    expect(await child!.text(look)).toBe(before);
    await world.hibernate(box);
    await world.wake(box);
    expect(await box.text(look)).toBe(before);
    await world.kill(box);
    await untilCold(box);
    expect(await box.text(look)).toBe(before);
    expect(await box.text("echo mine > /root/d/g; stat -c %u /root/d/g")).toBe("0");
  });

  test("what was synced is on the disk at that instant, also files that nobody has open any more", async () => {
    const box = await create();
    await box.text(
      "mkdir /root/d; for i in $(seq 1500); do echo kept $i > /root/d/$i; done; mv /root/d/1500 /root/d/last; sync",
    );
    const sandbox = join(target.folders[0]!, "sandboxes", box.id);
    const [copy, dir] = [join(sandbox, "copy"), await mkdtemp(join(tmpdir(), "pandastack-disk-"))];
    await run("cp", ["--reflink=always", join(sandbox, "disk"), copy]);
    await run("mount", ["-t", "ext4", "-o", "loop", copy, dir]);
    try {
      const kept = readdirSync(join(dir, "root/d")).filter((name) =>
        readFileSync(join(dir, "root/d", name), "utf8").startsWith("kept "),
      );
      expect(kept).toHaveLength(1500);
      expect(kept).toContain("last");
    } finally {
      await run("umount", [dir]);
      await rm(copy);
      await rm(dir, { recursive: true });
    }
  });

  test("one whose gofer is killed is ended, says why, and is started again from its disk", async () => {
    const box = await create();
    await box.text("mkdir /root/d; echo kept > /root/d/file; sync");
    // As one that was asleep, and one whose host agent is another: each has its gofer looked after.
    await world.hibernate(box);
    const others = new Set(gofers());
    await world.wake(box);
    await target.restart();
    await box.background("while :; do date > /root/d/now; sleep 0.1; done");
    const gofer = gofers().find((pid) => !others.has(pid));
    expect(gofer, "it has a gofer of its own").toBeDefined();
    const told: { event: HostEvent; at: number }[] = [];
    const unsubscribe = target.host.onEvent((event) => void told.push({ event, at: performance.now() }));
    const stalls = monitorEventLoopDelay({ resolution: 20 });
    stalls.enable();
    const killed = performance.now();
    process.kill(gofer!, "SIGKILL");
    await untilCold(box);
    unsubscribe();
    stalls.disable();
    const death = told.find(({ event }) => event.sandboxId === box.id && event.type === "vm.died");
    expect(death?.event.payload["reason"]).toMatch(/gofer/);
    const stalledMs = stalls.max / 1e6;
    expect(death!.at - killed - stalledMs, "ms until it was known").toBeLessThan(MAX_DEATH_MS);
    expect(await box.text("cat /root/d/file")).toBe("kept");
    expect(gofers()).not.toContain(gofer);
  });

  test("one that is not persistent has failed with its gofer, and says why", async () => {
    const others = new Set(gofers());
    const box = await create();
    await world.execute({ name: "setPersistent", sandboxId: box.id, persistent: false });
    process.kill(
      gofers().find((pid) => !others.has(pid))!,
      "SIGKILL",
    );
    await waitFor(() => world.state(box) === "failed", { timeoutMs: 20_000, intervalMs: 5, message: "it lives on" });
    expect(target.host.sandbox(box.id).reason).toMatch(/gofer/);
  });
});
