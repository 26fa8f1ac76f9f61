import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, release } from "node:os";
import { join } from "node:path";
import { isWithinTarget, type Row, summarize, targetText } from "./stats.ts";

export interface Circumstances {
  runtime: string;
  isolation: string;
  quick: boolean;
  /** Share of the CPUs that others used, in percent, before the first and after the last measurement. */
  othersCpuPercent: { before: number; after: number };
}

const HEAD = ["", "n", "p50", "p95", "p99", "", "target", "met"];
const NUMBERS = new Set([1, 2, 3, 4]);

export function printTable(rows: Row[]): void {
  const lines = [HEAD, ...rows.filter((row) => row.notRun === undefined).map(cells)];
  const widths = HEAD.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  for (const line of lines) {
    const padded = line.map((cell, column) =>
      NUMBERS.has(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
    );
    process.stdout.write(`${padded.join("  ").trimEnd()}\n`);
  }
  for (const row of rows) if (row.notRun !== undefined) process.stdout.write(`${row.name}: not run: ${row.notRun}\n`);
}

function cells(row: Row): string[] {
  const { n, p50, p95, p99 } = summarize(row.samples);
  const verdict = isWithinTarget(row);
  return [
    row.name,
    String(n),
    number(p50),
    number(p95),
    number(p99),
    row.unit,
    targetText(row.target),
    verdict === undefined ? "" : verdict ? "yes" : "NO",
  ];
}

/** Where the file went. */
export function writeResults(folder: string, rows: Row[], circumstances: Circumstances): string {
  mkdirSync(folder, { recursive: true });
  const now = new Date().toISOString();
  const path = join(folder, `${now.replaceAll(":", "-")}.json`);
  const host = { cpus: cpus().length, model: cpus()[0]?.model, kernel: release() };
  const results = rows.map((row) => ({ ...row, ...summarize(row.samples), isWithinTarget: isWithinTarget(row) }));
  writeFileSync(path, `${JSON.stringify({ at: now, ...circumstances, host, results }, null, 2)}\n`);
  return path;
}

export function number(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(1);
}
