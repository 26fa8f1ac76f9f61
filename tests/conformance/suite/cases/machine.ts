import { expect } from "vitest";
import { area } from "../case.ts";

const { cases, inside, alone } = area("machine");
export const machineCases = cases;

inside("metrics say what the guest has and uses", async ({ box }) => {
  const metrics = await (await box.guest()).metrics();
  expect(metrics.cpus).toBeGreaterThanOrEqual(1);
  expect(metrics.memory_total_bytes).toBeGreaterThan(64 * 1024 * 1024);
  expect(metrics.memory_available_bytes).toBeLessThanOrEqual(metrics.memory_total_bytes);
  expect(metrics.disk_used_bytes).toBeLessThanOrEqual(metrics.disk_total_bytes);
  expect(metrics.processes).toBeGreaterThan(0);
  expect(metrics.uptime_ms).toBeGreaterThan(0);
});

inside("host-side usage and the console can be asked for", async ({ box, world }) => {
  const usage = await world.target.host.usage(box.id);
  expect(usage.pid).toBeGreaterThan(1);
  expect(usage.rssBytes).toBeGreaterThan(0);
  const { host } = world.target;
  const console = await host.consoleLog(box.id);
  expect(typeof console).toBe("string");
  expect(await host.consoleLog(box.id)).toBe(console);
});

inside(
  "what is written to the console is sent to whoever follows it, at once and from the beginning",
  async ({ box, world }) => {
    const { host } = world.target;
    const followers = [0, 1].map(() => {
      const abort = new AbortController();
      const pieces = host.followConsole(box.id, abort.signal);
      return { abort, pieces, text: "" };
    });
    const until = async (follower: (typeof followers)[number], line: string) => {
      while (!follower.text.includes(line)) {
        const piece = await follower.pieces.next();
        if (piece.done === true) throw new Error(`the console ended before "${line}": ${follower.text}`);
        follower.text += piece.value;
      }
    };
    for (const follower of followers) follower.text = String((await follower.pieces.next()).value);
    for (const line of ["first of the followed", "second of the followed"]) {
      await box.run(`echo ${line} > /dev/console`);
      await Promise.all(followers.map((follower) => until(follower, line)));
    }
    for (const { abort, pieces } of followers) {
      const rest = pieces.next();
      abort.abort();
      expect((await rest).done).toBe(true);
    }
    expect(await host.consoleLog(box.id)).toContain("second of the followed");
    expect(followers[0]!.text.match(/first of the followed/g)).toHaveLength(1);
  },
);

inside("orphans are reaped: no zombie stays", async ({ box }) => {
  await box.run("for i in 1 2 3 4 5; do ( sleep 0.01 & ) ; done");
  const zombies =
    "n=0; for stat in /proc/[0-9]*/stat; do read line < $stat || continue; case $line in *') Z '*) n=$((n + 1));; esac; done 2>/dev/null; echo $n";
  expect(
    await box.text(
      `i=0; while left=$(${zombies}); [ "$left" != 0 ] && [ $i -lt 200 ]; do sleep 0.05; i=$((i + 1)); done; echo $left`,
    ),
  ).toBe("0");
});

alone(
  "sixteen sandboxes live side by side, each for itself",
  async ({ world }) => {
    const boxes = await Promise.all(Array.from({ length: 16 }, () => world.create({ template: "base" })));
    const names = await Promise.all(
      boxes.map((box) => box.text("echo $(hostname) > /dev/shm/name; cat /dev/shm/name")),
    );
    expect(names).toEqual(boxes.map((box) => box.id));
    const addresses = boxes.map((box) => world.target.host.sandbox(box.id).guestIp);
    expect(new Set(addresses).size, "each has an address of its own").toBe(16);
  },
  { origins: ["fresh"], timeoutMs: 120_000 },
);
