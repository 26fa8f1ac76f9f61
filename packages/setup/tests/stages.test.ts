import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { runStages, type Stage, summary } from "../src/stages.ts";

let written = "";
beforeEach(() => {
  written = "";
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    written += String(text);
    return true;
  });
});
afterEach(() => vi.restoreAllMocks());

const node = (name: string, program: string): Stage => ({ name, file: process.execPath, args: ["-e", program] });

it("runs stages at the same time, each line behind the name of its stage, and keeps every exit code", async () => {
  const folder = mkdtempSync(join(tmpdir(), "stages-"));
  // Each waits for the other's file: one after the other, neither would end.
  const meet = (own: string, other: string): string => `
    const fs = require("node:fs");
    fs.writeFileSync(${JSON.stringify(join(folder, own))}, "");
    const timer = setInterval(() => {
      if (!fs.existsSync(${JSON.stringify(join(folder, other))})) return;
      clearInterval(timer);
      console.log("met"); console.error("two\\nlines");
      process.exitCode = ${own === "a" ? 0 : 3};
    }, 5);`;
  const outcomes = await runStages([[node("first", meet("a", "b")), node("second", meet("b", "a"))]], "/");
  rmSync(folder, { recursive: true });
  expect(outcomes.map(({ name, exitCode }) => [name, exitCode])).toEqual([
    ["first", 0],
    ["second", 3],
  ]);
  for (const line of ["met", "two", "lines"]) {
    expect(written).toContain(`first │ ${line}\n`);
    expect(written).toContain(`second │ ${line}\n`);
  }
  expect(summary(outcomes)).toMatch(
    /first +[\d.]+ s {2}passed\n {2}second +[\d.]+ s {2}FAILED \(exit code 3\)\n1 of 2/,
  );
});

it("ends although something that a stage left running holds its output open", { timeout: 60_000 }, async () => {
  const leaving = `
    const { spawn } = require("node:child_process");
    const child = spawn("sleep", ["60"], { stdio: "inherit", detached: true });
    child.unref();
    console.log("left", child.pid);`;
  const began = performance.now();
  const [outcome] = await runStages([[node("leaves", leaving), node("other", "")]], "/");
  expect(outcome?.exitCode).toBe(0);
  expect(performance.now() - began).toBeLessThan(40_000);
  const [, left] = /^leaves │ left (\d+)$/m.exec(written)!;
  process.kill(Number(left), "SIGKILL");
});

it("says what was not run, and why", () => {
  const outcomes = [{ name: "first", exitCode: 0, durationMs: 1000 }];
  expect(summary(outcomes, [{ name: "other", reason: "there is no Python" }])).toMatch(
    / {2}first .*passed\n {2}other +not run: there is no Python\nall passed/,
  );
});
