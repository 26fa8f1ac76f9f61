import { createHash } from "node:crypto";
import { content } from "../fs/inodes.ts";
import { exists, may } from "../fs/lookup.ts";
import { exit, pathIn, write } from "../kernel/calls.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { Process } from "../world/world.ts";
import { inputFailed, nextChunk, slurp } from "./input.ts";
import { parseFlags, type Program } from "./program.ts";

/** Programs that read everything, then answer. */
type Transform = (
  input: string,
  flags: Map<string, string>,
  operands: string[],
) => string | { text: string; code: number };

/** `text` is one character for each byte, so that any bytes pass. `own` operands come before the files. */
function filter(withValue: string, own: number, transform: Transform): Program {
  return {
    step(kernel, process) {
      const { flags, operands } = parseFlags(process.argv.slice(1), withValue);
      const first = own > 0 && flags.has("e") ? [flags.get("e")!] : operands.splice(0, own);
      const data = slurp(kernel, process, operands);
      if (data === undefined) return;
      const result = transform(data.toString("latin1"), flags, first);
      const { text, code } = typeof result === "string" ? { text: result, code: 0 } : result;
      write(kernel, process, 1, Buffer.from(text, "latin1"));
      exit(kernel, process, inputFailed(process) ? 1 : code);
    },
  };
}

const lines = (text: string): string[] => (text === "" ? [] : text.replace(/\n$/, "").split("\n"));
const join = (all: readonly string[]): string => (all.length === 0 ? "" : `${all.join("\n")}\n`);
const bytes = (text: string): string => Buffer.from(text).toString("latin1");

function digest(algorithm: string): Program {
  return {
    step(kernel, process) {
      const { operands } = parseFlags(process.argv.slice(1));
      if (operands.length === 0) {
        const data = slurp(kernel, process, operands);
        if (data === undefined) return;
        write(kernel, process, 1, `${createHash(algorithm).update(data).digest("hex")}  -\n`);
        return exit(kernel, process, 0);
      }
      exit(kernel, process, digestFiles(kernel, process, algorithm, operands));
    },
  };
}

function digestFiles(kernel: Kernel, process: Process, algorithm: string, paths: readonly string[]): number {
  let status = 0;
  for (const path of paths) {
    const inode = exists(kernel.world, pathIn(process, path), process);
    if (inode === undefined || inode.kind !== "file" || !may(inode, process, 4)) {
      write(
        kernel,
        process,
        2,
        `${process.argv[0]}: ${path}: ${inode === undefined ? "No such file or directory" : "Permission denied"}\n`,
      );
      status = 1;
    } else write(kernel, process, 1, `${createHash(algorithm).update(content(inode)).digest("hex")}  ${path}\n`);
  }
  return status;
}

export const filterPrograms: Record<string, Program> = {
  sha256sum: digest("sha256"),
  md5sum: digest("md5"),
  sort: filter("k", 0, (text, flags) => {
    let all = lines(text).sort();
    if (flags.has("n")) all = all.sort((a, b) => Number.parseFloat(a) - Number.parseFloat(b));
    if (flags.has("u")) all = [...new Set(all)];
    return join(flags.has("r") ? all.reverse() : all);
  }),
  uniq: filter("", 0, (text, flags) => {
    const groups: [string, number][] = [];
    for (const line of lines(text)) {
      if (groups.at(-1)?.[0] === line) groups.at(-1)![1]++;
      else groups.push([line, 1]);
    }
    return join(groups.map(([line, count]) => (flags.has("c") ? `${String(count).padStart(7)} ${line}` : line)));
  }),
  grep: filter("e", 1, (text, flags, [pattern]) => {
    const source = flags.has("F")
      ? bytes(pattern ?? "").replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")
      : basicRegex(bytes(pattern ?? ""), flags.has("E"));
    const regex = new RegExp(flags.has("x") ? `^(?:${source})$` : source, flags.has("i") ? "i" : "");
    const hits = lines(text).filter((line) => regex.test(line) !== flags.has("v"));
    const code = hits.length > 0 ? 0 : 1;
    if (flags.has("q")) return { text: "", code };
    if (flags.has("o")) return { text: join(hits.map((line) => regex.exec(line)?.[0] ?? "")), code };
    return { text: flags.has("c") ? `${hits.length}\n` : join(hits), code };
  }),
  sed: filter("e", 1, (text, flags, [script]) => {
    const print = /^(\d+)p$/.exec(script ?? "");
    if (print !== null && flags.has("n")) return join(lines(text).slice(Number(print[1]) - 1, Number(print[1])));
    const remove = /^(\d+)d$/.exec(script ?? "");
    if (remove !== null) return join(lines(text).filter((_, index) => index + 1 !== Number(remove[1])));
    const replace = /^s(.)((?:\\.|(?!\1).)*)\1((?:\\.|(?!\1).)*)\1([g]*)$/.exec(bytes(script ?? ""));
    if (replace === null) return { text: "", code: 1 };
    const regex = new RegExp(basicRegex(replace[2]!, flags.has("E")), replace[4]);
    const to = replace[3]!
      .replace(/\$/g, "$$$$")
      .replace(/\\(\d)/g, "$$$1")
      .replace(/(?<!\\)&/g, "$$&");
    return join(lines(text).map((line) => line.replace(regex, to)));
  }),
  tr: filter("", 2, (text, flags, [from, to]) => {
    const [source, target] = [characters(from ?? ""), characters(to ?? "")];
    if (flags.has("s")) {
      const squeezed = new Set(source);
      return [...text].filter((letter, index, all) => letter !== all[index - 1] || !squeezed.has(letter)).join("");
    }
    if (flags.has("d")) {
      const gone = new Set(source);
      return [...text].filter((letter) => !gone.has(letter)).join("");
    }
    const map = new Map(source.map((letter, index) => [letter, target[Math.min(index, target.length - 1)] ?? ""]));
    return [...text].map((letter) => map.get(letter) ?? letter).join("");
  }),
  cut: filter("dfc", 0, (text, flags) => {
    const separator = flags.has("c") ? "" : (flags.get("d") ?? "\t");
    const wanted = (flags.get("f") ?? flags.get("c") ?? "1").split(",").map((range) => {
      const [from, to] = range.split("-");
      return { from: Number(from || 1), to: to === undefined ? Number(from) : Number(to || Infinity) };
    });
    const isWanted = (index: number): boolean => wanted.some(({ from, to }) => index + 1 >= from && index + 1 <= to);
    return join(
      lines(text).map((line) =>
        line
          .split(separator)
          .filter((_, index) => isWanted(index))
          .join(separator),
      ),
    );
  }),
  base64: filter("w", 0, (text, flags) => {
    if (flags.has("d")) return Buffer.from(text.replace(/\s/g, ""), "base64").toString("latin1");
    const encoded = Buffer.from(text, "latin1").toString("base64");
    return flags.get("w") === "0" ? encoded : `${encoded.replace(/.{76}(?=.)/g, "$&\n")}\n`;
  }),
  od: {
    step(kernel, process) {
      const { flags, operands } = parseFlags(process.argv.slice(1), "AtNj");
      const limit = Number(flags.get("N") ?? "Infinity");
      const chunks = (process.state["chunks"] ??= []) as Buffer[];
      const have = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
      const data = have >= limit ? "eof" : nextChunk(kernel, process, operands);
      if (data === "blocked") return;
      if (data !== "eof") return void chunks.push(data);
      const hex = Buffer.concat(chunks).subarray(0, Math.min(have, limit)).toString("hex");
      write(kernel, process, 1, join(hex.match(/.{1,32}/g)?.map((row) => ` ${row.match(/../g)!.join(" ")}`) ?? []));
      exit(kernel, process, inputFailed(process) ? 1 : 0);
    },
  },
  wc: {
    step(kernel, process) {
      const { flags, operands } = parseFlags(process.argv.slice(1));
      const state = process.state as { lines?: number; words?: number; bytes?: number };
      state.lines ??= 0;
      state.words ??= 0;
      state.bytes ??= 0;
      const data = nextChunk(kernel, process, operands);
      if (data === "blocked") return;
      if (data !== "eof") {
        state.bytes += data.length;
        for (let at = data.indexOf(10); at >= 0; at = data.indexOf(10, at + 1)) state.lines++;
        if (flags.size === 0 || flags.has("w"))
          state.words += data.toString("latin1").split(/\s+/).filter(Boolean).length;
        return;
      }
      const shown = flags.size === 0 ? ["l", "w", "c"] : [...flags.keys()];
      const values: Record<string, number> = { l: state.lines, w: state.words, c: state.bytes, m: state.bytes };
      write(
        kernel,
        process,
        1,
        `${shown.map((flag) => values[flag]).join(" ")}${operands[0] === undefined ? "" : ` ${operands[0]}`}\n`,
      );
      exit(kernel, process, inputFailed(process) ? 1 : 0);
    },
  },
};

function characters(set: string): string[] {
  const classes: Record<string, string> = { "[:lower:]": "a-z", "[:upper:]": "A-Z", "[:digit:]": "0-9" };
  const text = set
    .replace(/\[:\w+:\]/g, (name) => classes[name] ?? name)
    .replace(/\\([n0t\\])/g, (_, letter: string) => ({ n: "\n", 0: "\0", t: "\t", "\\": "\\" })[letter]!);
  return [
    ...bytes(text).replace(/(.)-(.)/g, (_, from: string, to: string) => {
      let range = "";
      for (let code = from.charCodeAt(0); code <= to.charCodeAt(0); code++) range += String.fromCharCode(code);
      return range;
    }),
  ];
}

/** A basic regular expression in JavaScript's notation. */
function basicRegex(pattern: string, isExtended: boolean): string {
  if (isExtended) return pattern;
  return pattern.replace(/\\([(){}|+?])|[(){}|+?]/g, (whole, escaped: string | undefined) => escaped ?? `\\${whole}`);
}
