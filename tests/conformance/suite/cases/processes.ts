import { expect } from "vitest";
import { waitFor } from "@pandastack/platform";
import { collect, eventsUntil, textOf, type Box } from "../box.ts";
import { area } from "../case.ts";
import { refused } from "../refusal.ts";

const { cases, inside } = area("processes");
export const processCases = cases;

const LONG_MS = 20_000;
const REPLAY_BYTES = 262_144;
/** Waits in the guest until a file is there: how a case lets a process go on. */
const gate = (file: string): string => `while [ ! -e ${file} ]; do sleep 0.05; done`;

async function find(box: Box, id: string) {
  return (await (await box.guest()).processes()).find((process) => process.id === id);
}

async function ended(box: Box, id: string) {
  return waitFor(
    async () => {
      const one = await find(box, id);
      return one?.running === false && one;
    },
    { timeoutMs: LONG_MS, message: `process ${id} must end` },
  );
}

inside("a background process outlives its client and is listed", async ({ box }) => {
  const { id, pid } = await box.background("sleep 600", { tag: "mine", user: "user", cwd: "/tmp" });
  expect(await find(box, id)).toMatchObject({
    id,
    pid,
    tag: "mine",
    user: "user",
    cwd: "/tmp",
    running: true,
    exit_code: null,
    pty: false,
  });
  await (await box.guest()).signal({ id, signal: "SIGKILL" });
  expect((await ended(box, id)).exit_code).toBe(137);
});

inside("attach replays what was said, then goes on live to the result", async ({ box }) => {
  await box.run("rm -f /tmp/gate-1");
  const { id } = await box.background(`echo before; ${gate("/tmp/gate-1")}; echo after; echo oops >&2; exit 5`);
  const events = (await box.guest()).attach({ id })[Symbol.asyncIterator]();
  const first = await eventsUntil(events, (event) => event.kind === "stdout", "the replay");
  expect(first.map((event) => event.kind)).toEqual(["started", "replay", "stdout"]);
  await box.run("touch /tmp/gate-1");
  const rest = await eventsUntil(events, (event) => event.kind === "result", "the result");
  expect(textOf(first) + textOf(rest)).toBe("before\nafter\n");
  expect(textOf(rest, "stderr")).toBe("oops\n");
  expect(rest.at(-1)).toMatchObject({ result: { exit_code: 5 } });
});

inside("a process that has ended can still be attached to", async ({ box }) => {
  const { id } = await box.background("echo late; exit 4");
  await ended(box, id);
  const { stdout, code } = await collect((await box.guest()).attach({ id }), "attach");
  expect({ stdout, code }).toEqual({ stdout: "late\n", code: 4 });
});

inside("the replay holds the newest output and is bounded", async ({ box }) => {
  const { id } = await box.background("yes 0123456789abcde | head -c 400000; echo; echo the-end");
  await ended(box, id);
  const { bytes, stdout } = await collect((await box.guest()).attach({ id }), "attach");
  expect(bytes.length, "kept output is bounded").toBeLessThanOrEqual(REPLAY_BYTES);
  expect(bytes.length, "and not thrown away").toBeGreaterThan(REPLAY_BYTES / 2);
  expect(stdout.endsWith("the-end\n"), "its newest part is what is kept").toBe(true);
});

inside("attach without replay says only what comes", async ({ box }) => {
  await box.run("rm -f /tmp/gate-2");
  const { id } = await box.background(`echo old; ${gate("/tmp/gate-2")}; echo new`);
  await waitFor(async () => (await collectReplay(box, id)).includes("old"), {
    timeoutMs: LONG_MS,
    message: "the first line must be printed",
  });
  const events = (await box.guest()).attach({ id, replay: false })[Symbol.asyncIterator]();
  await eventsUntil(events, (event) => event.kind === "started", "the attachment");
  await box.run("touch /tmp/gate-2");
  expect(textOf(await eventsUntil(events, (event) => event.kind === "result", "the result"))).toBe("new\n");
});

async function collectReplay(box: Box, id: string): Promise<string> {
  const process = (await box.guest()).attach({ id });
  const events = process[Symbol.asyncIterator]();
  const seen = await eventsUntil(events, (event) => event.kind === "replay", "the replay's head");
  const announced = seen.at(-1) as { stdoutBytes: number };
  let text = "";
  while (text.length < announced.stdoutBytes)
    text += textOf(await eventsUntil(events, (event) => event.kind === "stdout", "the replay"));
  process.release({ kill: false });
  return text;
}

inside("two who are attached hear the same", async ({ box }) => {
  await box.run("rm -f /tmp/gate-3");
  const { id } = await box.background(`${gate("/tmp/gate-3")}; echo for all`);
  const guest = await box.guest();
  const listeners = [collect(guest.attach({ id }), "first"), collect(guest.attach({ id }), "second")];
  await box.run("touch /tmp/gate-3");
  expect((await Promise.all(listeners)).map((outcome) => outcome.stdout)).toEqual(["for all\n", "for all\n"]);
});

inside("a client that lets go leaves the process running, one that kills does not", async ({ box }) => {
  const left = await box.start({ shell: "sleep 600" });
  left.process.release({ kill: false });
  const killed = await box.start({ shell: "sleep 601 & sleep 601" });
  killed.process.release({ kill: true });
  expect((await ended(box, killed.id)).exit_code).toBe(137);
  expect(await find(box, left.id)).toMatchObject({ running: true });
  await waitFor(async () => (await box.run("pgrep -f 'sleep 60[1]'")).stdout === "", {
    timeoutMs: 5000,
    message: "its group must die with it",
  });
  await (await box.guest()).signal({ pid: left.pid, signal: "SIGTERM" });
  expect((await ended(box, left.id)).exit_code).toBe(143);
});

inside("a signal can be caught", async ({ box }) => {
  const { process, events } = await box.start({
    shell: "trap 'echo caught; exit 7' TERM; echo ready; while :; do sleep 0.05; done",
  });
  await eventsUntil(events, (event) => event.kind === "stdout", "readiness");
  process.signal("SIGTERM");
  const rest = await eventsUntil(events, (event) => event.kind === "result", "the end");
  expect(textOf(rest)).toBe("caught\n");
  expect(rest.at(-1)).toMatchObject({ result: { exit_code: 7, signal: null } });
});

inside("input reaches a process that was attached to", async ({ box }) => {
  const { id } = await box.background("read line; echo got $line", { stdin: true });
  const process = (await box.guest()).attach({ id });
  const events = process[Symbol.asyncIterator]();
  await process.writeStdin(Buffer.from("from afar\n"));
  expect(textOf(await eventsUntil(events, (event) => event.kind === "result", "the result"))).toBe("got from afar\n");
});

inside("an id may be chosen, and is refused while it is in use", async ({ box }) => {
  const id = `chosen-${box.id}`;
  await box.background("sleep 600", { id });
  await expect(box.background("sleep 1", { id }), "a second process of the same id").rejects.toMatchObject({
    name: "Refusal",
  });
  await (await box.guest()).signal({ id, signal: "SIGKILL" });
  await ended(box, id);
});

inside("an unknown process is refused", async ({ box }) => {
  const guest = await box.guest();
  await refused("process.not_found", () => guest.signal({ id: "nobody", signal: "SIGTERM" }));
  await refused("process.not_found", () => guest.signal({ pid: 4_000_000, signal: "SIGTERM" }));
  await refused("process.not_found", () => collect(guest.attach({ id: "nobody" }), "attach"));
});
