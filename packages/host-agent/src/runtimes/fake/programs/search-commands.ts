import { content } from "../fs/inodes.ts";
import { find, inodeOf, may } from "../fs/lookup.ts";
import { exit, pathIn, write } from "../kernel/calls.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { Inode, Process } from "../world/world.ts";
import { parseFlags, type Program } from "./program.ts";

type Test = (inode: Inode, depth: number) => boolean;

/** What stands between two `-o` of find. */
interface Alternative {
  readonly tests: Test[];
  isPrune: boolean;
  isPrint: boolean;
}

const KINDS: Readonly<Record<string, string>> = { f: "file", d: "dir", l: "symlink" };

/** A file name's pattern: `*` and `?`. */
function namePattern(glob: string): RegExp {
  const source = glob
    .replace(/[.+^${}()|\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${source}$`);
}

/** Every inode at and below one, with the path that it is shown by. `visit` says whether to go on below it. */
function walk(kernel: Kernel, root: Inode, shown: string, visit: (inode: Inode, shown: string) => boolean): void {
  if (!visit(root, shown)) return;
  for (const [name, ino] of [...root.entries].sort())
    walk(kernel, inodeOf(kernel.world, ino), `${shown.replace(/\/$/, "")}/${name}`, visit);
}

function runFind(kernel: Kernel, process: Process): number {
  const args = process.argv.slice(1);
  const roots: string[] = [];
  while (args[0] !== undefined && !args[0].startsWith("-")) roots.push(args.shift()!);
  const alternatives: Alternative[] = [{ tests: [], isPrune: false, isPrint: false }];
  let maxDepth = Infinity;
  while (args.length > 0) {
    const [test, current] = [args.shift()!, alternatives.at(-1)!];
    if (test === "-o") alternatives.push({ tests: [], isPrune: false, isPrint: false });
    else if (test === "-prune") current.isPrune = true;
    else if (test === "-print") current.isPrint = true;
    else {
      const value = args.shift() ?? "";
      if (test === "-type") current.tests.push((inode) => inode.kind === KINDS[value]);
      else if (test === "-name") {
        const pattern = namePattern(value);
        current.tests.push((inode) => pattern.test(inode.name));
      } else if (test === "-newer") {
        const { mtimeMs } = find(kernel.world, pathIn(process, value), process);
        current.tests.push((inode) => inode.mtimeMs > mtimeMs);
      } else if (test === "-maxdepth") maxDepth = Number(value);
      else if (test === "-mindepth") current.tests.push((_inode, depth) => depth >= Number(value));
      else {
        write(kernel, process, 2, `find: unknown predicate '${test}'\n`);
        return 1;
      }
    }
  }
  const isPrintImplied = alternatives.every(({ isPrint }) => !isPrint);
  for (const root of roots.length === 0 ? ["."] : roots) {
    const base = root.replace(/\/$/, "").split("/").length;
    walk(kernel, find(kernel.world, pathIn(process, root), process), root, (inode, shown) => {
      const depth = shown === root ? 0 : shown.split("/").length - base;
      const taken = alternatives.find(({ tests }) => tests.every((test) => test(inode, depth)));
      if (taken !== undefined && (taken.isPrint || isPrintImplied)) write(kernel, process, 1, `${shown}\n`);
      return depth < maxDepth && taken?.isPrune !== true;
    });
  }
  return 0;
}

/** `grep -r`: every line that matches in every text file below, as `path:line` or, with `-Z`, path, NUL, line. */
function runRecursiveGrep(kernel: Kernel, process: Process): number {
  const { flags, operands } = parseFlags(process.argv.slice(1), "em");
  const pattern = flags.get("e") ?? operands.shift() ?? "";
  let regex: RegExp;
  try {
    const source = flags.has("F") ? pattern.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&") : pattern;
    regex = new RegExp(source, flags.has("i") ? "i" : "");
  } catch {
    write(kernel, process, 2, `grep: bad pattern: ${pattern}\n`);
    return 2;
  }
  const include = flags.has("include") ? namePattern(flags.get("include")!) : undefined;
  let hits = 0;
  for (const root of operands.length === 0 ? ["."] : operands) {
    walk(kernel, find(kernel.world, pathIn(process, root), process), root, (inode, shown) => {
      if (inode.kind === "dir") return shown === root || ![".git", "node_modules"].includes(inode.name);
      if (inode.kind !== "file" || !may(inode, process, 4) || include?.test(inode.name) === false) return false;
      const text = content(inode).toString("utf8");
      // As `-I` has it.
      if (text.includes("\0")) return false;
      for (const [index, line] of text.replace(/\n$/, "").split("\n").entries()) {
        if (!regex.test(line)) continue;
        hits++;
        const number = flags.has("n") ? `${index + 1}:` : "";
        write(kernel, process, 1, `${shown}${flags.has("Z") ? "\0" : ":"}${number}${line}\n`);
      }
      return false;
    });
  }
  return hits > 0 ? 0 : 1;
}

/** `grep` of files and pipes is a filter; this is the one that goes through folders. */
export function grepWith(filter: Program): Program {
  return {
    step(kernel, process) {
      if (!parseFlags(process.argv.slice(1), "em").flags.has("r")) return filter.step(kernel, process);
      exit(kernel, process, runRecursiveGrep(kernel, process));
    },
  };
}

export const searchPrograms: Record<string, Program> = {
  find: {
    step(kernel, process) {
      exit(kernel, process, runFind(kernel, process));
    },
  },
};
