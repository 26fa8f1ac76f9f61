import { once } from "node:events";

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

export function printLine(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** One document a line, for streams. */
export async function printJsonLine(value: unknown): Promise<void> {
  await writeAll(process.stdout, `${JSON.stringify(value)}\n`);
}

/** Columns as wide as their widest cell; the last one as it is. Only the header where there are no rows. */
export function formatTable(header: string[], rows: string[][]): string {
  const lines = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? "").length)));
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** `3s`, `5m`, `2h`, `4d`: how long ago a moment was. */
export function formatAge(createdAt: string | undefined, nowMs: number = Date.now()): string {
  return formatDuration(Math.round((nowMs - Date.parse(createdAt ?? "")) / 1000));
}

/** The same of seconds. What is in the future is now. */
export function formatDuration(given: number): string {
  const seconds = Math.max(0, given);
  if (Number.isNaN(seconds)) return "-";
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}

/** `512 B`, `3.4 MB`: decimal, as disks are sold. */
export function formatSize(bytes: number | undefined): string {
  if (bytes === undefined) return "-";
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = Math.min(units.length - 1, bytes < 1000 ? 0 : Math.floor(Math.log10(bytes) / 3));
  return power === 0 ? `${bytes} B` : `${(bytes / 1000 ** power).toFixed(1)} ${units[power]}`;
}

/** A field and its value on each line. */
export function formatFields(fields: Record<string, unknown>): string {
  const cell = (value: unknown) => (typeof value === "string" ? value : (JSON.stringify(value) ?? "-"));
  return formatTable(
    ["FIELD", "VALUE"],
    Object.entries(fields).map(([name, value]) => [name, cell(value)]),
  );
}

/** Writes and waits while the other side is full, so that output of any length needs no memory here. */
export async function writeAll(stream: NodeJS.WritableStream, data: string | Uint8Array): Promise<void> {
  if (!stream.write(data)) await once(stream, "drain");
}

/** `pandastack list | head -1` closes our stdout early: that is no error. */
export function exitQuietlyOnClosedPipe(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EPIPE") process.exit(0);
      throw error;
    });
  }
}
