import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const folder = join(import.meta.dirname, "../src");
const source = (path: string) => readFileSync(join(folder, path), "utf8");

/** The files of which something is exported from the package. */
const publicFiles = [...source("index.ts").matchAll(/from "\.\/(.+)"/g)]
  .map((match) => match[1]!)
  .filter((path) => path !== "types.ts");

/** Members that say all there is to say by their name and the class's own text. */
const MEMBER = /^ {2}(?:static )?(?:async |get |\*)*(?!constructor)([a-z]\w*)(?:<.*>)?\(/;
const EXPORT = /^export (?:class|interface|type|function|async function|const) (\w+)/;

it("has a text above every public class, type and method", () => {
  const bare: string[] = [];
  const names = new Set([...source("index.ts").matchAll(/\b([A-Z]\w+)\b/g)].map((match) => match[1]));
  for (const path of publicFiles) {
    const lines = source(path).split("\n");
    let isPublic = false;
    for (const [index, line] of lines.entries()) {
      const declared = EXPORT.exec(line)?.[1];
      if (/^(export )?(class|interface|type|function|const|async function)/.test(line))
        isPublic = declared !== undefined && names.has(declared);
      const member = /^export (class)/.test(line) ? undefined : MEMBER.exec(line)?.[1];
      const name = declared ?? member;
      if (!isPublic || name === undefined || (declared !== undefined && !names.has(declared))) continue;
      // The second signature of the same name has the first one's text.
      const above = lines[index - 1] ?? "";
      if (!above.trim().endsWith("*/") && !above.includes(` ${name}(`)) bare.push(`${path}:${index + 1} ${name}`);
    }
  }
  expect(bare).toEqual([]);
});

it("exports from every folder", () => {
  const folders = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  for (const { name } of folders)
    expect(
      publicFiles.some((path) => path.startsWith(`${name}/`)),
      name,
    ).toBe(true);
});
