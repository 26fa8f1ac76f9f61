import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { waitFor } from "@pandastack/platform";
import { expect, it } from "vitest";
import { processStat } from "../../src/processes/proc.ts";
import { CommandFailed, run } from "../../src/processes/run.ts";

it("gives back what a command wrote, and takes its input", async () => {
  await expect(run("cat", [], { input: "hello" })).resolves.toEqual({ stdout: "hello", stderr: "" });
});

it("passes arguments as they are", async () => {
  const { stdout } = await run("printf", ["%s|", "a b", "$(id)", ";", "*"]);
  expect(stdout).toBe("a b|$(id)|;|*|");
});

it("hands nothing of our environment on", async () => {
  const { stdout } = await run("env", []);
  expect(
    stdout
      .split("\n")
      .filter(Boolean)
      .map((line) => line.split("=")[0])
      .toSorted(),
  ).toEqual(["LC_ALL", "PATH"]);
});

it("says what failed and why", async () => {
  const failure = await run("sh", ["-c", "echo one >&2; echo two >&2; exit 3"]).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(CommandFailed);
  expect(failure).toMatchObject({ exitCode: 3, stderr: "one\ntwo\n" });
  expect(String(failure)).toMatch(/failed with exit code 3: one\ntwo/);
  await expect(run("/does/not/exist", [])).rejects.toThrow(/could not start/);
});

it("keeps the end of a long output", async () => {
  const { stdout } = await run("seq", ["100000"], { maxOutputBytes: 1000 });
  expect(stdout).toHaveLength(1000);
  expect(stdout.endsWith("99999\n100000\n")).toBe(true);
});

it("survives a program that does not read its input", async () => {
  await expect(run("true", [], { input: Buffer.alloc(1 << 22) })).resolves.toMatchObject({ stdout: "" });
});

it("ends a command that takes too long, and what it started", async () => {
  const folder = mkdtempSync(join(tmpdir(), "ps-run-"));
  const late = run("sh", ["-c", `sleep 60 & echo $! >${folder}/pid; wait`], { timeoutMs: 3_000 });
  await expect(late).rejects.toThrow(/killed after 3000 ms/);
  const pid = Number(readFileSync(join(folder, "pid"), "utf8"));
  await waitFor(() => [undefined, "Z"].includes(processStat(pid)?.state), {
    timeoutMs: 15_000,
    message: "it lives on",
  });
  rmSync(folder, { recursive: true });
});
