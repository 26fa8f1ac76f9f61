import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { waitFor } from "@pandastack/platform";
import { GuestClient } from "../../src/guest/client.ts";
import { GuestConnection } from "../../src/guest/connection.ts";
import { createFakeRuntime, fakeMachines } from "../../src/runtimes/fake/index.ts";
import { Bench, run } from "./guest.ts";

let bench: Bench;
beforeAll(async () => void (bench = await Bench.open()));
afterAll(() => bench.close());

test("an image holds memory, disk and a shell in the middle of a loop", async () => {
  const { machine, guest } = await bench.boot();
  await run(guest, "counter; counter; echo disk > /root/file");
  for await (const event of guest.exec({
    shell: "n=0; while :; do n=$((n + 1)); echo $n > /tmp/n; sleep 0.01; done",
    detach: true,
  }))
    if (event.kind === "detached") break;
  await waitFor(async () => Number((await run(guest, "cat /tmp/n 2>/dev/null")).stdout) > 2, {
    timeoutMs: 5000,
    message: "the loop must run",
  });
  const image = await bench.image(machine, guest);
  const copy = await bench.restore(image);
  expect((await run(copy.guest, "counter; cat /root/file")).stdout).toBe("3\ndisk\n");
  expect((await run(guest, "counter")).stdout, "the original counts for itself").toBe("3\n");
  const at = Number((await run(copy.guest, "cat /tmp/n")).stdout);
  await waitFor(async () => Number((await run(copy.guest, "cat /tmp/n")).stdout) > at, {
    timeoutMs: 5000,
    message: "the copied loop must go on",
  });
});

test("a ticker counts on the guest's clock, which stands still in a pause", async () => {
  const { machine, guest } = await bench.boot();
  for await (const event of guest.exec({ shell: "ticker /tmp/ticks 5", detach: true }))
    if (event.kind === "detached") break;
  const ticks = async (): Promise<number> => Number((await run(guest, "cat /tmp/ticks 2>/dev/null || echo 0")).stdout);
  await waitFor(async () => (await ticks()) > 1, { timeoutMs: 5000, message: "it must tick" });
  await machine.pause();
  const answer = ticks();
  await machine.resume();
  expect(await answer, "a command sent into a pause is answered after it").toBeGreaterThan(1);
});

test("copies that are not refreshed are twins, refreshed ones are not", async () => {
  const { machine, guest } = await bench.boot();
  const image = await bench.image(machine, guest);
  const draw = async (one: GuestClient): Promise<string> =>
    (await run(one, "od -An -tx1 -N16 /dev/urandom; hostname")).stdout;
  const twins = [await bench.restore(image), await bench.restore(image)];
  expect(await draw(twins[0]!.guest), "the fake must show what a missing refresh does").toBe(
    await draw(twins[1]!.guest),
  );
  const refreshed = await bench.restore(image, {
    generation: "g1",
    entropy: Buffer.alloc(32, 1).toString("base64"),
    hostname: "other",
  });
  expect((await draw(refreshed.guest)).split("\n")[1]).toBe("other");
  expect(await draw(refreshed.guest)).not.toBe(await draw(twins[0]!.guest));
});

test("the clock of a restored guest is old until it is told the time", async () => {
  const { machine, guest } = await bench.boot();
  const image = await bench.image(machine, guest, false);
  const old = Date.now();
  await waitFor(() => Date.now() - old > 500, { timeoutMs: 5000, message: "time passes" });
  const { guest: restored } = await bench.restore(image);
  const before = Date.now();
  const said = Number((await run(restored, "date +%s%3N")).stdout);
  expect(before - said, "HELLO brings the time").toBeLessThan(250);
  expect(said).toBeLessThanOrEqual(Date.now() + 1);
});

test("a boot from a disk starts with its files and a new memory", async () => {
  const { machine, guest } = await bench.boot();
  await run(guest, "echo kept > /root/kept; echo lost > /tmp/lost; counter");
  const image = await bench.image(machine, guest, false);
  const { guest: cold } = await bench.bootFrom(join(image, "disk.json"));
  expect((await run(cold, "cat /root/kept; ls /tmp | wc -l | tr -d ' '; counter; ls -d /dev/null")).stdout).toBe(
    "kept\n0\n1\n/dev/null\n",
  );
});

test("a second connection takes the place of the first, and processes live on", async () => {
  const { machine, guest } = await bench.boot();
  const events = guest.exec({ shell: "read x; echo got $x", stdin: true, id: "kept" })[Symbol.asyncIterator]();
  await events.next();
  const next = events.next();
  const connection = new GuestConnection(await machine.connect());
  await connection.hello({ resync: true, timeoutMs: 5000 });
  await expect(next, "the first connection's streams end").rejects.toMatchObject({ code: "sandbox.guest_unreachable" });
  const again = new GuestClient(connection);
  const process = again.attach({ id: "kept" });
  await process.writeStdin(Buffer.from("it\n"));
  let text = "";
  for await (const event of process) if (event.kind === "stdout") text += event.data.toString();
  expect(text).toBe("got it\n");
});

test("a death is noticed by whoever waits for it, and by the connection", async () => {
  const { machine, guest } = await bench.boot();
  const lost = new Promise<Error>((resolve) => guest.connection.onClose(resolve));
  await fakeMachines()
    .find((one) => one.record.machineId === machine.record.machineId)!
    .kill();
  expect(await machine.exited).toMatchObject({ kind: "exited", signal: "SIGKILL" });
  expect(await lost).toBeInstanceOf(Error);
  expect(await bench.runtime.adopt(machine.record), "what has died is not adopted").toBeUndefined();
});

test("a machine that lives in this process is adopted by another agent in it, one of another process is not", async () => {
  const { machine } = await bench.boot();
  const other = createFakeRuntime({ dir: bench.machinesDir });
  expect(await other.adopt(machine.record)).toBe(machine);
  expect(await other.adopt({ ...machine.record, machineId: "0123456789ab" })).toBeUndefined();
});

test("shutdown powers the machine off", async () => {
  const { machine, guest } = await bench.boot();
  const call = guest as unknown as { connection: GuestConnection };
  const { StreamState } = await import("../../src/guest/stream-state.ts");
  const state = new StreamState();
  call.connection.open("shutdown", {}, state);
  await state.result();
  expect(await machine.exited).toMatchObject({ code: 0 });
});
