import { spawn } from "node:child_process";
import { constants } from "node:os";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import { seconds } from "./steps/reporter.ts";

/** A program whose output the user sees as it comes, and whose exit code counts. */
export interface Stage {
  readonly name: string;
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Stages that run at the same time; their lines bear their names. */
export type Step = Stage | readonly Stage[];

export interface StageOutcome {
  readonly name: string;
  readonly exitCode: number;
  readonly durationMs: number;
}

/** Runs every stage, whatever became of the ones before: one run tells all that is wrong. */
export async function runStages(steps: readonly Step[], cwd: string): Promise<StageOutcome[]> {
  const outcomes: StageOutcome[] = [];
  for (const step of steps) {
    const together = isOne(step) ? [step] : step;
    process.stdout.write(`\n── ${together.map(({ name }) => name).join(" · ")}\n`);
    const ended = await Promise.all(together.map((stage) => timed(stage, cwd, together.length > 1)));
    outcomes.push(...ended);
    // The user has had enough.
    if (ended.some(({ exitCode }) => ENOUGH.has(exitCode))) break;
  }
  return outcomes;
}

const ENOUGH = new Set([128 + constants.signals.SIGINT, 128 + constants.signals.SIGTERM]);

const isOne = (step: Step): step is Stage => "file" in step;

async function timed(stage: Stage, cwd: string, isNamed: boolean): Promise<StageOutcome> {
  const started = performance.now();
  const exitCode = await runStage(stage, cwd, isNamed ? `${stage.name} │ ` : undefined);
  return { name: stage.name, exitCode, durationMs: performance.now() - started };
}

/** With a `prefix`, its output comes line by line, each behind it; else it has the terminal. */
export function runStage(stage: Stage, cwd: string, prefix?: string): Promise<number> {
  return new Promise((resolve) => {
    // Our Node first: what npm and its tools start is to be this one, too.
    const path = `${dirname(process.execPath)}:${process.env["PATH"] ?? ""}`;
    const child = spawn(stage.file, stage.args, {
      cwd,
      stdio: prefix === undefined ? "inherit" : ["ignore", "pipe", "pipe"],
      env: { ...process.env, PATH: path, ...stage.env },
    });
    for (const output of [child.stdout, child.stderr]) {
      if (output !== null) createInterface(output).on("line", (line) => process.stdout.write(`${prefix}${line}\n`));
    }
    const forward = (signal: NodeJS.Signals): void => void child.kill(signal);
    for (const signal of SIGNALS) process.on(signal, forward);
    const done = (exitCode: number): void => {
      for (const signal of SIGNALS) process.off(signal, forward);
      resolve(exitCode);
    };
    child.once("error", (error) => {
      process.stderr.write(`${stage.file} could not be started: ${error.message}\n`);
      done(127);
    });
    child.once("exit", (code, signal) => {
      const ended = (): void => done(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
      // What it has written is read to its end; something that it left running may hold the pipe open for ever.
      const last = setTimeout(ended, LAST_OUTPUT_MS);
      child.once("close", () => {
        clearTimeout(last);
        ended();
      });
    });
  });
}

const LAST_OUTPUT_MS = 5_000;
const SIGNALS = ["SIGTERM", "SIGINT"] as const;

/** What this machine cannot run, and why. */
export interface NotRun {
  readonly name: string;
  readonly reason: string;
}

export function summary(outcomes: readonly StageOutcome[], notRun: readonly NotRun[] = []): string {
  const rows = outcomes.map(({ name, exitCode, durationMs }) => {
    const verdict = exitCode === 0 ? "passed" : `FAILED (exit code ${exitCode})`;
    return `  ${name.padEnd(24)} ${seconds(durationMs).padStart(9)}  ${verdict}`;
  });
  rows.push(...notRun.map(({ name, reason }) => `  ${name.padEnd(24)} ${"".padStart(9)}  not run: ${reason}`));
  const failed = outcomes.filter((outcome) => outcome.exitCode !== 0).length;
  return ["", "── summary", ...rows, failed === 0 ? "all passed" : `${failed} of ${outcomes.length} failed`, ""].join(
    "\n",
  );
}
