import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { isAlive, isEnding, killProcess, processStat } from "../../src/processes/proc.ts";

test("a process is ending from the moment on that it has let go of its memory, and alive until it has ended", async () => {
  const child = spawn("sleep", ["1000"]);
  await once(child, "spawn");
  const { startTime } = processStat(child.pid!)!;
  expect([isAlive(child.pid!, startTime), isEnding(child.pid!, startTime)]).toEqual([true, false]);
  expect(isEnding(child.pid!, `${startTime}0`), "another process with its number").toBe(true);
  const ended = once(child, "exit");
  killProcess(child.pid!);
  await ended;
  expect([isAlive(child.pid!, startTime), isEnding(child.pid!, startTime)]).toEqual([false, true]);
});

test("one that runs and has no memory is ending: the kernel's own threads look like that", async (test) => {
  const stat = processStat(2);
  if (stat === undefined || readFileSync("/proc/2/cmdline").length > 0)
    test.skip("not run: no thread of the kernel's is shown here");
  expect([isAlive(2, stat!.startTime), isEnding(2, stat!.startTime)]).toEqual([true, true]);
});
