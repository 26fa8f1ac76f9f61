import { setTimeout as delay } from "node:timers/promises";
import { expect } from "vitest";
import { waitFor } from "@pandastack/platform";
import { area } from "../case.ts";
import { drain, refused } from "../refusal.ts";
import { counted, flawIn, startCounting, waitForCount } from "./counting.ts";

const { cases, alone } = area("hibernate");
export const hibernateCases = cases;

const CYCLES = 30;

alone(
  "thirty cycles change nothing: disk by checksum, memory by a process that counts",
  async ({ box, world }) => {
    const { id, pid } = await startCounting(box);
    await box.text("head -c 1000000 /dev/urandom > /root/data; head -c 300000 /dev/urandom > /dev/shm/data; sync");
    const sums = await box.text("sha256sum /root/data /dev/shm/data");
    let last = 0;
    for (let cycle = 1; cycle <= CYCLES; cycle++) {
      await world.hibernate(box);
      await world.wake(box);
      expect(await box.text("sha256sum /root/data /dev/shm/data"), `checksums after cycle ${cycle}`).toBe(sums);
      const numbers = await waitForCount(box, last + 1);
      expect(flawIn(numbers), `the count after cycle ${cycle}`).toBeUndefined();
      last = numbers.length;
    }
    const process = (await (await box.guest()).processes()).find((one) => one.id === id);
    expect(process, "it is the same process").toMatchObject({ pid, running: true });
  },
  { origins: ["forked"], timeoutMs: 180_000 },
);

alone("a woken sandbox has its memory, disk, environment and processes", async ({ world, origin }) => {
  const box = await world.make(origin, { KEPT: "yes" });
  const { id } = await startCounting(box);
  await box.text("echo disk > /root/file; echo memory > /dev/shm/file");
  await world.hibernate(box);
  const woken = await world.wake(box);
  expect(woken).toMatchObject({ state: "running", bootMode: "wake" });
  expect(await box.text("cat /root/file /dev/shm/file; echo $KEPT")).toBe("disk\nmemory\nyes");
  expect(flawIn(await waitForCount(box, (await counted(box)).length + 3))).toBeUndefined();
  expect((await (await box.guest()).processes()).map((process) => process.id)).toContain(id);
});

alone(
  "a client that listens is told when the sandbox goes to sleep, and finds its process again",
  async ({ box, world }) => {
    const { events, id } = await box.start({ shell: "while [ ! -e /tmp/gate ]; do sleep 0.05; done; echo through" });
    const waiting = events.next();
    waiting.catch(() => undefined);
    await world.hibernate(box);
    await expect(waiting, "the listener").rejects.toMatchObject({ code: "sandbox.guest_unreachable" });
    await world.wake(box);
    await box.text("touch /tmp/gate");
    let text = "";
    for await (const event of (await box.guest()).attach({ id }))
      if (event.kind === "stdout") text += event.data.toString();
    expect(text).toBe("through\n");
  },
);

alone(
  "asked to sleep if nobody is in it, it stays awake for a command; whoever comes is served, or refused before anything began",
  async ({ box, world }) => {
    const ifQuiet = { name: "hibernateSandbox", sandboxId: box.id, ifQuietForMs: 0, cause: "idle" } as const;
    const { events, id } = await box.start({ shell: "sleep 600" });
    await refused("sandbox.in_use", () => world.execute(ifQuiet));
    await (await box.guest()).signal({ id, signal: "SIGKILL" });
    await drain({ [Symbol.asyncIterator]: () => events });
    let served = 0;
    for (const afterMs of [0, 1, 3, 9, 27]) {
      const [slept, came] = await Promise.allSettled([
        world.execute(ifQuiet),
        delay(afterMs).then(() => box.text("echo came >> /root/came")),
      ]);
      if (came.status === "fulfilled") served++;
      else expect(came.reason).toMatchObject({ code: "sandbox.invalid_state" });
      if (slept.status === "rejected") expect(slept.reason).toMatchObject({ code: "sandbox.in_use" });
      else await world.wake(box);
    }
    expect(await box.text("cat /root/came 2>/dev/null | wc -l")).toBe(String(served));
    await waitFor(() => !world.target.host.use(box.id).isOpen, { timeoutMs: 5000, message: "somebody is still in it" });
    expect((await world.execute(ifQuiet)).state).toBe("hibernated");
    const event = world.target.host.events(0).findLast(({ sandboxId }) => sandboxId === box.id);
    expect(event).toMatchObject({ type: "sandbox.hibernated", payload: { cause: "idle" } });
  },
  { origins: ["fresh"] },
);

alone(
  "a persistent sandbox keeps its disk through sleep as well",
  async ({ world }) => {
    const box = await world.create({ template: "base" }, { persistent: true });
    await box.text("echo kept > /root/file; sync");
    await world.hibernate(box);
    await world.wake(box);
    expect(await box.text("cat /root/file")).toBe("kept");
    expect(world.target.host.sandbox(box.id).persistent).toBe(true);
  },
  { origins: ["fresh"] },
);
