import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, release } from "node:os";
import { join } from "node:path";
import { isWithinTarget, type Row, summarize } from "./stats.ts";

export interface Circumstances {
  runtime: string;
  isolation: string;
  quick: boolean;
}

export function printTable(rows: Row[]): void {
  const cells = rows.map((row) => {
    const { n, p50, p95, p99 } = summarize(row.samples);
    const verdict = isWithinTarget(row);
    return [
      row.name,
      String(n),
      number(p50),
      number(p95),
      number(p99),
      row.unit,
      targetText(row),
      verdict === undefined ? "" : verdict ? "yes" : "NO",
    ];
  });
  const lines = [["", "n", "p50", "p95", "p99", "", "target p50", "met"], ...cells];
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  for (const line of lines) {
    process.stdout.write(
      `${line
        .map((cell, column) =>
          column === 0 || column > 4 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
        )
        .join("  ")
        .trimEnd()}\n`,
    );
  }
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

function number(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(1);
}

function targetText(row: Row): string {
  if (row.target === undefined) return "";
  return "atMost" in row.target ? `≤ ${row.target.atMost}` : `≥ ${row.target.atLeast}`;
}
