import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";

/** What one of two sides has and the other has not, one line each. */
export function difference(what: string, sides: Record<string, readonly string[]>): string[] {
  const [[one, ones], [other, others]] = Object.entries(sides) as [[string, string[]], [string, string[]]];
  return [
    ...ones.filter((name) => !others.includes(name)).map((name) => `${what} ${name}: ${one} only, not ${other}`),
    ...others.filter((name) => !ones.includes(name)).map((name) => `${what} ${name}: ${other} only, not ${one}`),
  ];
}

export const spareTooMany = (what: string, found: readonly string[], atMost: number): string[] =>
  found.length <= atMost ? [] : [`${found.length} ${what} that no sandbox has, ${atMost} may wait: ${found.join(" ")}`];

export const ids = (records: readonly { id: string }[]): string[] => records.map((record) => record.id);

export function namesIn(folder: string): string[] {
  try {
    return existsSync(folder) ? readdirSync(folder) : [];
  } catch {
    // Gone between the two.
    return [];
  }
}

export function read(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}

export function lines(command: string, argv: readonly string[]): string[] {
  try {
    return execFileSync(command, argv, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] })
      .split("\n")
      .filter((line) => line !== "");
  } catch {
    // `find` where something ended while it was being read: the next look sees.
    return [];
  }
}
