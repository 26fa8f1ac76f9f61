import { spawn } from "node:child_process";
import { constants } from "node:os";
import { dirname } from "node:path";
import { seconds } from "./steps/reporter.ts";

/** A program whose output the user sees as it comes, and whose exit code counts. */
export interface Stage {
  readonly name: string;
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface StageOutcome {
  readonly name: string;
  readonly exitCode: number;
  readonly durationMs: number;
}

/** Runs every stage, whatever became of the ones before: one run tells all that is wrong. */
export async function runStages(stages: readonly Stage[], cwd: string): Promise<StageOutcome[]> {
  const outcomes: StageOutcome[] = [];
  for (const stage of stages) {
    process.stdout.write(`\n── ${stage.name}\n`);
    const started = performance.now();
    const exitCode = await runStage(stage, cwd);
    outcomes.push({ name: stage.name, exitCode, durationMs: performance.now() - started });
    // The user has had enough.
    if (exitCode === 128 + constants.signals.SIGINT || exitCode === 128 + constants.signals.SIGTERM) break;
  }
  return outcomes;
}

export function runStage(stage: Stage, cwd: string): Promise<number> {
  return new Promise((resolve) => {
    // Our Node first: what npm and its tools start is to be this one, too.
    const path = `${dirname(process.execPath)}:${process.env["PATH"] ?? ""}`;
    const child = spawn(stage.file, stage.args, {
      cwd,
      stdio: "inherit",
      env: { ...process.env, PATH: path, ...stage.env },
    });
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
    child.once("exit", (code, signal) => done(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
  });
}

const SIGNALS = ["SIGTERM", "SIGINT"] as const;

export function summary(outcomes: readonly StageOutcome[]): string {
  const rows = outcomes.map(({ name, exitCode, durationMs }) => {
    const verdict = exitCode === 0 ? "passed" : `FAILED (exit code ${exitCode})`;
    return `  ${name.padEnd(24)} ${seconds(durationMs).padStart(9)}  ${verdict}`;
  });
  const failed = outcomes.filter((outcome) => outcome.exitCode !== 0).length;
  return ["", "── summary", ...rows, failed === 0 ? "all passed" : `${failed} of ${outcomes.length} failed`, ""].join(
    "\n",
  );
}
