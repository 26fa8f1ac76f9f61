import { readFileSync } from "node:fs";

export interface Mount {
  readonly path: string;
  readonly fileSystem: string;
  readonly source: string;
}

/** What is mounted exactly here, the topmost last; undefined when nothing is. */
export function mountAt(path: string): Mount | undefined {
  return readMounts().findLast((mount) => mount.path === path);
}

/** Format: https://docs.kernel.org/filesystems/proc.html, /proc/PID/mountinfo. */
function readMounts(): Mount[] {
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [before = "", after = ""] = line.split(" - ");
      const [fileSystem = "", source = ""] = after.split(" ");
      return { path: unescape(before.split(" ")[4] ?? ""), fileSystem, source: unescape(source) };
    });
}

/** The kernel writes space, tab, newline and backslash of a path as octal escapes. */
function unescape(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
