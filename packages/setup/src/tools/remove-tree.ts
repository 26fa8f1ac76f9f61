import { existsSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { runTool } from "./run-tool.ts";

/** Removes a folder that a killed tool left, but never what is mounted in it. */
export async function removeTree(path: string): Promise<void> {
  if (!existsSync(path)) return;
  for (const mount of mountsBelow(path)) await runTool("umount", ["--lazy", mount], { life: "plain" });
  await rm(path, { recursive: true, force: true, maxRetries: 5 });
}

/** Deepest first. */
export function mountsBelow(path: string): string[] {
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((line) => unescapeMount(line.split(" ")[4] ?? ""))
    .filter((mount) => mount === path || mount.startsWith(`${path}/`))
    .sort((a, b) => b.length - a.length);
}

/** The kernel writes space, tab, newline and backslash of a path as octal escapes. */
function unescapeMount(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
