import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { CallerEnded, SentryCaller } from "../../src/runtimes/gvisor/caller.ts";

/** Answers as told by the method: at once, when another call comes, with an error, or by dying. */
const PROGRAM = `#!${process.execPath}
const say = (id, error) => process.stdout.write(JSON.stringify({ id, error }) + "\\n");
const waiting = [];
require("node:readline").createInterface(process.stdin).on("line", (line) => {
  const { id, method, arg, files } = JSON.parse(line);
  if (method === "wait") return void waiting.push(id);
  if (method === "die") process.exit(3);
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
  await expect(call("die")).rejects.toThrow("ended with 3");
  await outcome;
  await call("go");
});

test("a program that is not there fails the call", async () => {
  await expect(new SentryCaller(join(dir, "none"), dir).call({ socket: "/", method: "go", arg: {} })).rejects.toThrow(
    "ENOENT",
  );
});

test("closing ends the program, and a call after that starts another", async () => {
  await call("go");
  await caller.close();
  await caller.close();
  await call("go");
});
