import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { createReporter } from "../src/steps/reporter.ts";
import { runSteps } from "../src/steps/run-steps.ts";
import { type Step, StepFailed } from "../src/steps/step.ts";
import { runTool } from "../src/tools/run-tool.ts";
import { waitFor } from "../src/tools/wait.ts";
import { temporaryFolder } from "./folder.ts";

function step(name: string, needs: string[], run: Step["run"], isDone = false): Step {
  return { name, needs, isDone: () => isDone, run };
}

function makeReporter() {
  const lines: string[] = [];
  const logFile = join(temporaryFolder(), "setup.log");
  return { lines, logFile, reporter: createReporter({ logFile, write: (line) => lines.push(line) }) };
}

it("runs what is not done, says what it took, and skips the rest silently", async () => {
  const { lines, logFile, reporter } = makeReporter();
  const done = step("kernel", [], () => Promise.reject(new Error("must not run")), true);
  await runSteps([done, step("agent", ["kernel"], async ({ say }) => say("compiling"))], reporter);
  expect(lines).toEqual(["  … agent", "    agent: compiling", expect.stringMatching(/^ {2}✔ agent \(\d+\.\d s\)$/)]);
  expect(readFileSync(logFile, "utf8")).toContain("= kernel: already done");
});

it("runs independent steps at the same time, and each after what it needs", async () => {
  const { reporter } = makeReporter();
  const events: string[] = [];
  const { promise: secondBegan, resolve } = Promise.withResolvers<void>();
  await runSteps(
    [
      step("first", [], async () => {
        await secondBegan;
        events.push("first");
      }),
      step("second", [], async () => resolve()),
      step("last", ["first", "second"], async () => void events.push("last")),
    ],
    reporter,
  );
  expect(events).toEqual(["first", "last"]);
});

it("tells why a step failed with the tool's last lines, lets others finish and begins nothing new", async () => {
  const { lines, reporter } = makeReporter();
  const events: string[] = [];
  const hasFailed = (): boolean => lines.some((line) => line.includes("✘"));
  const steps = [
    step("broken", [], async () => {
      await runTool("sh", ["-c", "echo all is well; echo no space left >&2; exit 3"], { life: "plain" });
    }),
    step("slow", [], async () => {
      await waitFor(hasFailed, { timeoutMs: 10_000, message: "no failure told" });
      events.push("slow");
    }),
    step("after broken", ["broken"], async () => void events.push("after broken")),
    step("after slow", ["slow"], async () => void events.push("after slow")),
  ];
  await expect(runSteps(steps, reporter)).rejects.toThrow(StepFailed);
  expect(events).toEqual(["slow"]);
  const text = lines.join("\n");
  expect(text).toContain("✘ broken: sh failed (exit code 3)");
  expect(text).toMatch(/\| all is well\n\s+\| no space left|\| no space left\n\s+\| all is well/);
  expect(text).toContain("The whole log:");
});

it("refuses an order that can't be", async () => {
  const { reporter } = makeReporter();
  await expect(runSteps([step("a", ["b"], async () => {}), step("b", [], async () => {})], reporter)).rejects.toThrow(
    /not listed before/,
  );
});
