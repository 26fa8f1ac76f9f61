import { appendFileSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { ToolFailed } from "../tools/tool-failed.ts";

/** Tells the user how set-up goes, one line at a time, and keeps everything in a log file. */
export interface Reporter {
  skipped(step: string): void;
  started(step: string): void;
  say(step: string, text: string): void;
  finished(step: string, durationMs: number): void;
  failed(step: string, cause: unknown): void;
  /** A line that belongs to no step. */
  line(text: string): void;
  log(text: string): void;
}

export function createReporter(options: { logFile: string; write?: (line: string) => void }): Reporter {
  const write = options.write ?? ((line: string) => process.stdout.write(`${line}\n`));
  mkdirSync(dirname(options.logFile), { recursive: true });
  const log = (text: string): void => appendFileSync(options.logFile, text.endsWith("\n") ? text : `${text}\n`);
  const both = (line: string): void => {
    write(line);
    log(`${new Date().toISOString()} ${line}`);
  };
  return {
    skipped: (step) => log(`${new Date().toISOString()} = ${step}: already done`),
    started: (step) => both(`  … ${step}`),
    say: (step, text) => both(`    ${step}: ${text}`),
    finished: (step, durationMs) => both(`  ✔ ${step} (${seconds(durationMs)})`),
    failed: (step, cause) => {
      both(`  ✘ ${step}: ${explain(cause)}`);
      write(`    The whole log: ${options.logFile}`);
    },
    line: both,
    log,
  };
}

export function seconds(durationMs: number): string {
  return `${(durationMs / 1000).toFixed(1)} s`;
}

/** Why it failed: the message, then the tool's last words, indented. */
function explain(cause: unknown): string {
  if (cause instanceof ToolFailed) {
    return [cause.message, ...cause.lastLines.map((line) => `      | ${line}`)].join("\n");
  }
  return cause instanceof Error ? cause.message : String(cause);
}
