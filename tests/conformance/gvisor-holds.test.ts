import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { closePool, openPool } from "@pandastack/host-agent/pool/index";
import { createLogger, waitFor } from "@pandastack/platform";
import { expectCallerMayDie } from "./gvisor-caller.ts";
import { openGvisorHost } from "./gvisor-host.ts";
import { missingForMachines } from "./qemu-host.ts";
import type { Box } from "./suite/box.ts";
import { expectNothingLeft, lookThrough } from "./suite/leftovers.ts";
import { refused } from "./suite/refusal.ts";
import type { Target } from "./suite/target.ts";
import { World } from "./suite/world.ts";

/** What gVisor promises beside what every runtime does. */

const run = promisify(execFile);
const MIB = 1_048_576;
const CYCLES = 100;
const SIDE_BY_SIDE = 4;
const MAX_DEATH_MS = 1_000;

const quiet = createLogger("gvisor-holds");
quiet.level = "error";

describe.skipIf(missingForMachines() !== undefined)("gVisor holds", () => {
  let target: Target;
  let world: World;
  beforeAll(async () => {
    target = await openGvisorHost();
    world = new World(target);
  });
  afterAll(async () => {
    await world?.tidy();
    await target?.close();
  });

  const create = (): Promise<Box> => world.create({ template: "base" });
  const untilFailed = (box: Box): Promise<unknown> =>
    waitFor(() => world.state(box) === "failed", { timeoutMs: 20_000, intervalMs: 5, message: "it has not failed" });

  test("inside, memory and processors are the sandbox's, and a kernel of its own shows", async () => {
    const box = await create();
    const { memoryMb, cpus } = target.host.sandbox(box.id);
    expect(Number(await box.text("awk '/^MemTotal/ { print $2 }' /proc/meminfo")) * 1024).toBe(memoryMb * MIB);
    expect(Number(await box.text("nproc"))).toBe(cpus);
    expect(await box.text("uname -r")).toMatch(/gvisor/);
    await box.text("python3 -c 'import socket as s; s.socket(s.AF_INET, s.SOCK_RAW, s.IPPROTO_ICMP)'");
  });

  test("a writable layer that is full says so and ends nothing", async () => {
    const box = await create();
    const [sizeMb] = (await box.text("df -m --output=size / | tail -1")).trim().split(" ");
    expect(target.host.sandbox(box.id).diskMb, "what it is told to have").toBe(Number(sizeMb));
    const full = await box.run("head -c 2000000000 /dev/zero > /root/fill");
    expect(full.stderr).toMatch(/No space left on device/);
    await box.text("rm /root/fill; echo again > /root/file");
    expect(world.state(box)).toBe("running");
  });

  test("a sandbox that goes over its memory dies alone, and says why", async () => {
    const [box, other] = [await create(), await create()];
    // Its end comes in the middle of the command.
    await box.run(`python3 -c 'print(len(b"x" * 3000000000))'`).catch(() => undefined);
    await untilFailed(box);
    expect(target.host.sandbox(box.id).reason).toMatch(/memory/);
    expect(await other.text("echo alive")).toBe("alive");
  });

  test("a checkpoint without room is refused, and the sandbox goes on", async () => {
    const box = await create();
    await box.text("head -c 50000000 /dev/urandom > /dev/shm/data");
    const sum = await box.text("sha256sum /dev/shm/data");
    const scratch = join(target.folders[0]!, "scratch");
    await mkdir(scratch, { recursive: true });
    await run("mount", ["-t", "tmpfs", "-o", "size=8m", "tmpfs", scratch]);
    try {
      await refused("capacity.insufficient_storage", () => world.snapshot(box));
      await refused("capacity.insufficient_storage", () => world.hibernate(box));
    } finally {
      await run("umount", ["-l", scratch]);
    }
    expect(world.state(box)).toBe("running");
    expect(await box.text("sha256sum /dev/shm/data")).toBe(sum);
    await world.deleteSnapshot(await world.snapshot(box));
  });

  test("a sandbox whose sentry is killed has failed within a second", async () => {
    const tookMs: number[] = [];
    // Who watches is this process, which may itself not have its turn for as long.
    while (tookMs.length < 3 && !(Math.min(...tookMs) < MAX_DEATH_MS)) {
      const box = await create();
      const began = performance.now();
      await world.kill(box);
      await untilFailed(box);
      tookMs.push(performance.now() - began);
      expect(target.host.sandbox(box.id).reason).toMatch(/ended/);
    }
    expect(Math.min(...tookMs), "ms until it was known").toBeLessThan(MAX_DEATH_MS);
  });

  test("the process that calls sentries may die at any moment", () => expectCallerMayDie(world));

  test("its agent hears the host, whatever the policy, and nobody else", async () => {
    const [box, other] = [await create(), await create()];
    const dial = (address: string): string =>
      `timeout 5 python3 -c 'import socket; s = socket.create_connection(("${address}", 1), 3); s.send(b"x" * 99); print(s.recv(9))'`;
    // Connected, and closed without a word: nobody inside is the host.
    expect((await box.run(dial("169.254.100.2"))).stdout).not.toMatch(/[^b'\n]/);
    expect((await box.run(dial("127.0.0.1"))).stdout).not.toMatch(/[^b'\n]/);
    const from = await other.run(dial(target.host.sandbox(box.id).guestIp!));
    expect(from.code, `another sandbox reached it: ${from.stdout}`).not.toBe(0);
    await box.background(
      "python3 -c 'import socket, time\nwhile True:\n try: s = socket.create_connection((\"169.254.100.2\", 1), 1)\n except OSError: time.sleep(0.01)'",
    );
    await world.execute({
      name: "setNetwork",
      sandboxId: box.id,
      network: { egress: "off", egressMbps: null },
    });
    for (let round = 0; round < 10; round++) expect(await box.text("echo heard")).toBe("heard");
    await target.restart();
    expect(await box.text("echo heard again")).toBe("heard again");
  });

  test("nothing of it keeps another server's pool in use", async () => {
    const dataDir = await mkdtemp(join(tmpdir(), "pandastack-other-"));
    const env = { ...process.env, PANDASTACK_POOL_GB: "1" };
    await openPool({ dataDir, log: quiet, env });
    const box = await create();
    await closePool({ dataDir, log: quiet });
    const image = join(dataDir, "pool.img");
    await waitFor(async () => (await run("losetup", ["-j", image])).stdout === "", {
      timeoutMs: 10_000,
      intervalMs: 20,
      message: "the pool's loop device is still in use",
    });
    expect(await box.text("echo alive")).toBe("alive");
    await rm(dataDir, { recursive: true });
  });

  test("a hundred lives and deaths leave no file, mount, cgroup or netns", { timeout: 180_000 }, async () => {
    await world.tidy();
    // Slots that wait are others afterwards: they count by number.
    const look = () =>
      Object.fromEntries(
        Object.entries(lookThrough(target)).map(([kind, lines]) => [
          kind,
          lines.map((line) => line.replace(/\bps[a-z0-9]+-[a-z0-9]+/g, (name) => `${name.split("-")[0]}-SLOT`)),
        ]),
      );
    await target.stocked?.();
    const before = look();
    const lane = async (): Promise<void> => {
      for (let cycle = 0; cycle < CYCLES / SIDE_BY_SIDE; cycle++) {
        const box = await create();
        if (cycle % 2 === 0) {
          await world.kill(box);
          await untilFailed(box);
        }
        await world.delete(box.id);
      }
    };
    await Promise.all(Array.from({ length: SIDE_BY_SIDE }, lane));
    await target.stocked?.();
    await expectNothingLeft({ before, look, marks: target.marks }, "a hundred sandboxes");
  });
});
