import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { expect, it } from "vitest";

const SETUP = resolve(import.meta.dirname, "../../packages/setup/src");
/** `import type` is erased; a dynamic import comes after the packages are there. */
const IMPORT = /^(?:import|export)\s+(?!type\b)(?:[^"';]*?\sfrom\s+)?"([^"]+)"/gm;

/** Every package that a file needs to be loaded at all, with who asks for it. */
function packagesBehind(entry: string): string[] {
  const seen = new Set<string>();
  const found: string[] = [];
  const look = (path: string): void => {
    if (seen.has(path)) return;
    seen.add(path);
    for (const [, name = ""] of readFileSync(path, "utf8").matchAll(IMPORT)) {
      if (name.startsWith(".")) look(join(dirname(path), name));
      else if (!name.startsWith("node:")) found.push(`${path} imports ${name}`);
    }
  };
  look(entry);
  expect(seen.size).toBeGreaterThan(10);
  return found;
}

it.each(["start.ts", "test.ts", "bench.ts", "artifacts-cli.ts"])(
  "%s can be run in a fresh clone, where no package is installed yet",
  (name) => {
    const entry = join(SETUP, name);
    expect(existsSync(entry)).toBe(true);
    expect(packagesBehind(entry)).toEqual([]);
  },
);
