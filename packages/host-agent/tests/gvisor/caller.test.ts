import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { askAgain, CallerEnded, SentryCaller } from "../../src/runtimes/gvisor/caller.ts";

/** Answers as told by the method: at once, when another call comes, with an error, or by dying. */
const PROGRAM = `#!${process.execPath}
const say = (id, error) => process.stdout.write(JSON.stringify({ id, error }) + "\\n");
const waiting = [];
require("node:readline").createInterface(process.stdin).on("line", (line) => {
  const { id, method, arg, files } = JSON.parse(line);
  if (method === "wait") return void waiting.push(id);
  if (method === "die") process.exit(3);
  if (method === "babble") return void process.stdout.write('{"id":');
  if (method === "pid") require("node:fs").writeFileSync(arg.to, String(process.pid));
  if (method === "fail") say(id, "no space left on device");
  else say(id, arg.files === files.length ? "" : "not the files");
  for (const other of waiting.splice(0)) say(other, "");
});
`;

let dir: string;
let caller: SentryCaller;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "pandastack-caller-"));
  writeFileSync(join(dir, "program"), PROGRAM, { mode: 0o755 });
  caller = new SentryCaller(join(dir, "program"), dir);
});
afterEach(async () => {
  await caller.close();
  rmSync(dir, { recursive: true });
});

const call = (method: string, files = 0) =>
  caller.call({
    socket: "/none",
    method,
    arg: { files },
    files: Array.from({ length: files }, () => ({ path: "/x" })),
  });

test("calls are answered in whatever order they end", async () => {
  const order: string[] = [];
  const first = call("wait").then(() => order.push("first"));
  const second = call("go", 3).then(() => order.push("second"));
  await Promise.all([first, second]);
  expect(order).toEqual(["second", "first"]);
});

test("what the sentry says of a failure is told, with what was asked", async () => {
  await expect(call("fail")).rejects.toThrow("fail failed: no space left on device");
  await call("go");
});

test("a program that ends fails the calls that wait for it, and the next call starts another", async () => {
  const waiting = call("wait");
  const outcome = expect(waiting).rejects.toThrow(CallerEnded);
  await expect(call("die")).rejects.toMatchObject({ operatorMessage: expect.stringContaining("ended with 3") });
  await outcome;
  await call("go");
});

test("half a line is no answer: such a program is ended, and the next call starts another", async () => {
  const babbling = call("babble");
  const outcome = expect(babbling).rejects.toThrow(CallerEnded);
  await expect(call("die")).rejects.toThrow(CallerEnded);
  await outcome;
  await call("go");
});

test("one that is killed with -9 in the middle of a call: what is asked again is done, once more and not for ever", async () => {
  let asked = 0;
  const kill = async () => {
    const to = join(dir, "pid");
    await caller.call({ socket: "/none", method: "pid", arg: { files: 0, to } });
    const waiting = call("wait");
    waiting.catch(() => undefined);
    process.kill(Number(readFileSync(to, "utf8")), "SIGKILL");
    return waiting;
  };
  await askAgain(() => (asked++ < 2 ? kill() : call("go")));
  expect(asked).toBe(3);
  const before: string[] = [];
  await expect(
    askAgain(kill, async () => void before.push("emptied")),
    "three deaths in a row are told",
  ).rejects.toMatchObject({ code: "host.unavailable" });
  expect(before).toEqual(["emptied", "emptied"]);
  await expect(askAgain(() => call("fail"))).rejects.toThrow("no space left on device");
});

test("a program that is not there fails the call", async () => {
  const none = new SentryCaller(join(dir, "none"), dir);
  await expect(none.call({ socket: "/", method: "go", arg: {} })).rejects.toMatchObject({
    code: "host.unavailable",
    operatorMessage: expect.stringContaining("ENOENT"),
  });
});

test("closing ends the program, and a call after that starts another", async () => {
  await call("go");
  await caller.close();
  await caller.close();
  await call("go");
});
