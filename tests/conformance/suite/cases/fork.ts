import { expect } from "vitest";
import { waitFor } from "@pandastack/platform";
import { area } from "../case.ts";
import { refused } from "../refusal.ts";
import { COUNT_FILE, counted, flawIn, startCounting, waitForCount } from "./counting.ts";

const { cases, alone } = area("fork");
export const forkCases = cases;

/** Counts in a Python process's memory; numbers only leave it when it is asked by a signal. */
const PYTHON_COUNTER = `exec python3 -c '
import time
n = 0
while True:
    n += 1
    with open("${COUNT_FILE}", "a") as f: f.write(f"{n}\\n")
    time.sleep(0.05)
'`;

alone("children have the parent's memory, disk and processes, and each goes its own way", async ({ box, world }) => {
  await startCounting(box);
  await box.text("echo parent > /root/file; echo parent > /dev/shm/file");
  const children = await world.fork(box, 3);
  const family = [box, ...children];
  for (const [index, each] of family.entries()) {
    expect(await each.text("cat /root/file /dev/shm/file"), `member ${index} of the family`).toBe("parent\nparent");
    await each.text(`echo ${index} > /root/file; echo ${index} > /dev/shm/file`);
  }
  for (const [index, each] of family.entries()) {
    expect(await each.text("cat /root/file /dev/shm/file"), `member ${index} must see its own writes alone`).toBe(
      `${index}\n${index}`,
    );
    expect(
      flawIn(await waitForCount(each, (await counted(each)).length + 3)),
      `the count of member ${index}`,
    ).toBeUndefined();
  }
  expect(children.map((child) => world.target.host.sandbox(child.id).bootMode)).toEqual(["fork", "fork", "fork"]);
});

alone("a running Python process is forked in the middle of its work", async ({ box, world }) => {
  const { pid } = await startCounting(box, PYTHON_COUNTER);
  const [child] = await world.fork(box, 1);
  const atFork = (await counted(child!)).length;
  for (const each of [box, child!]) {
    expect(flawIn(await waitForCount(each, atFork + 5))).toBeUndefined();
    expect(await each.text(`cat /proc/${pid}/comm`)).toMatch(/^python/);
  }
});

/** Two ends of a TCP connection in one process that waits for events of both; each number goes through it once. */
const PYTHON_TALKERS = `exec python3 -c '
import asyncio
async def echo(reader, writer):
    while line := await reader.readline():
        writer.write(line)
async def main():
    await asyncio.start_server(echo, "127.0.0.1", 7005)
    reader, writer = await asyncio.open_connection("127.0.0.1", 7005)
    n = 0
    while True:
        n += 1
        writer.write(b"%d\\n" % n)
        said = await reader.readline()
        with open("${COUNT_FILE}", "ab") as f: f.write(said)
        await asyncio.sleep(0.02)
asyncio.run(main())
'`;

alone("programs that talk to each other inside go on with it", async ({ box, world }) => {
  await startCounting(box, PYTHON_TALKERS);
  const [child] = await world.fork(box, 1);
  const [grandchild] = await world.fork(child!, 1);
  for (const each of [box, child!, grandchild!]) {
    const atFork = (await counted(each)).length;
    expect(flawIn(await waitForCount(each, atFork + 5)), each.id).toBeUndefined();
  }
});

alone("the parent may die first", async ({ box, world }) => {
  await startCounting(box);
  await box.text("echo inherited > /root/file; echo inherited > /dev/shm/file");
  const [one, two] = await world.fork(box, 2);
  await world.delete(box.id);
  for (const child of [one!, two!]) {
    expect(await child.text("cat /root/file /dev/shm/file")).toBe("inherited\ninherited");
    expect(flawIn(await waitForCount(child, (await counted(child)).length + 3))).toBeUndefined();
    await world.hibernate(child);
    await world.wake(child);
    expect(await child.text("cat /root/file /dev/shm/file")).toBe("inherited\ninherited");
  }
});

alone("a child can be forked, and its child again", async ({ box, world }) => {
  await box.text("echo 0 > /dev/shm/line; echo 0 > /root/line");
  let youngest = box;
  for (let generation = 1; generation <= 3; generation++) {
    [youngest] = (await world.fork(youngest, 1)) as [typeof box];
    await youngest.text(`echo ${generation} >> /dev/shm/line; echo ${generation} >> /root/line`);
  }
  expect(await youngest.text("tr '\\n' ' ' < /dev/shm/line; tr '\\n' ' ' < /root/line")).toBe("0 1 2 3 0 1 2 3 ");
  expect(await box.text("cat /dev/shm/line")).toBe("0");
});

alone("paused and hibernated parents can be forked, and stay so", async ({ box, world }) => {
  await box.text("echo resting > /dev/shm/resting");
  await world.pause(box);
  const [ofPaused] = await world.fork(box, 1);
  expect(world.state(box)).toBe("paused");
  expect(await ofPaused!.text("cat /dev/shm/resting")).toBe("resting");
  await world.hibernate(box);
  const result = await world.tryFork(box, 1);
  expect({ pausedMs: result.pausedMs, state: world.state(box) }).toEqual({ pausedMs: 0, state: "hibernated" });
  const ofHibernated = result.children[0]!;
  expect(ofHibernated.ok).toBe(true);
  await world.wake(box);
  expect(await box.text("cat /dev/shm/resting")).toBe("resting");
});

alone("a child has the parent's environment and its own on top", async ({ world, origin }) => {
  const parent = await world.make(origin, { KEPT: "parent", CHANGED: "parent" });
  const [child] = await world.fork(parent, 1, { CHANGED: "child", ADDED: "child" });
  expect(await child!.text("echo $KEPT $CHANGED $ADDED")).toBe("parent child child");
  expect(await parent.text("echo $KEPT $CHANGED $ADDED")).toBe("parent parent");
});

alone("a background process keeps its id and its output in the child", async ({ box, world }) => {
  const { id } = await box.background(
    "echo said before; while [ ! -e /tmp/gate ]; do sleep 0.05; done; echo said by $(cat /tmp/gate)",
  );
  const heard = async (each: typeof box): Promise<string> => {
    await each.text("hostname > /tmp/gate.new; mv /tmp/gate.new /tmp/gate");
    const guest = await each.guest();
    await waitFor(async () => (await guest.processes()).some((process) => process.id === id && !process.running), {
      timeoutMs: 20_000,
      message: "the process must end",
    });
    let text = "";
    for await (const event of guest.attach({ id })) if (event.kind === "stdout") text += event.data.toString();
    return text;
  };
  await waitFor(async () => (await box.run("pgrep -f 'said befor[e]'")).code === 0, {
    timeoutMs: 10_000,
    message: "the process must run",
  });
  const [child] = await world.fork(box, 1);
  expect(await heard(child!)).toBe(`said before\nsaid by ${child!.id}\n`);
  expect(await heard(box)).toBe(`said before\nsaid by ${box.id}\n`);
});

alone("an id in use and an unknown parent are refused before anything is done", async ({ box, world }) => {
  const children = [{ sandboxId: box.id, env: {}, persistent: false }];
  await refused("sandbox.conflict", () => world.execute({ name: "forkSandbox", sandboxId: box.id, children }));
  expect(await box.text("echo fine")).toBe("fine");
});
