import { exists, may } from "../fs/lookup.ts";
import { pathIn, write } from "../kernel/calls.ts";
import type { ProgramContext, SimpleProgram } from "./program.ts";

export const textCommands: Record<string, SimpleProgram> = {
  true: () => 0,
  false: () => 1,
  echo({ kernel, process }, args) {
    const isBare = args[0] === "-n";
    const text = (isBare ? args.slice(1) : args).join(" ");
    write(kernel, process, 1, isBare ? text : `${text}\n`);
    return 0;
  },
  printf({ kernel, process }, args) {
    write(kernel, process, 1, Buffer.from(format(args[0] ?? "", args.slice(1)), "latin1"));
    return 0;
  },
  pwd({ kernel, process }) {
    write(kernel, process, 1, `${process.cwd}\n`);
    return 0;
  },
  seq({ kernel, process }, args) {
    const numbers = args.map(Number);
    const [first, step, last] =
      numbers.length === 1
        ? [1, 1, numbers[0]!]
        : numbers.length === 2
          ? [numbers[0]!, 1, numbers[1]!]
          : [numbers[0]!, numbers[1]!, numbers[2]!];
    let text = "";
    for (let i = first; step > 0 ? i <= last : i >= last; i += step) text += `${i}\n`;
    write(kernel, process, 1, text);
    return 0;
  },
  basename({ kernel, process }, args) {
    const name = (args[0] ?? "").replace(/\/+$/, "").split("/").at(-1) || "/";
    write(
      kernel,
      process,
      1,
      `${args[1] !== undefined && name.endsWith(args[1]) ? name.slice(0, -args[1].length) : name}\n`,
    );
    return 0;
  },
  dirname({ kernel, process }, args) {
    const path = (args[0] ?? "").replace(/\/+$/, "");
    write(kernel, process, 1, `${path.includes("/") ? path.slice(0, path.lastIndexOf("/")) || "/" : "."}\n`);
    return 0;
  },
  test: (context, args) => (evaluateTest(context, args) ? 0 : 1),
  "[": (context, args) => (evaluateTest(context, args.slice(0, -1)) ? 0 : 1),
};

const escapes: Record<string, string> = {
  n: "\n",
  t: "\t",
  r: "\r",
  a: "\x07",
  b: "\b",
  f: "\f",
  v: "\v",
  "\\": "\\",
  '"': '"',
};

function unescape(text: string): string {
  return text.replace(
    /\\(?:x([0-9a-fA-F]{1,2})|0?([0-7]{1,3})|(.))/g,
    (whole, hex: string, octal: string, letter: string) => {
      if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
      if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8) & 0xff);
      return escapes[letter] ?? whole;
    },
  );
}

/** printf(1): the format is used again until the arguments are used up. One character of the answer is one byte. */
function format(pattern: string, args: string[]): string {
  const bytes = (text: string): string => Buffer.from(text).toString("latin1");
  const rest = [...args];
  let output = "";
  do {
    output += bytes(pattern).replace(
      /%%|%(-?)(0?)(\d*)(?:\.(\d+))?([sdixXobcf])|\\(?:x[0-9a-fA-F]{1,2}|0?[0-7]{1,3}|.)/g,
      (whole, left: string, zero: string, width: string, precision: string, kind: string) => {
        if (whole === "%%") return "%";
        if (whole.startsWith("\\")) return unescape(whole);
        const value = rest.shift() ?? "";
        let text: string;
        if (kind === "s") text = bytes(value).slice(0, precision === undefined ? undefined : Number(precision));
        else if (kind === "b") text = unescape(bytes(value));
        else if (kind === "c") text = bytes(value)[0] ?? "";
        else if (kind === "f") text = Number(value || 0).toFixed(precision === undefined ? 6 : Number(precision));
        else text = Math.trunc(Number(value || 0)).toString(kind === "x" || kind === "X" ? 16 : kind === "o" ? 8 : 10);
        if (kind === "X") text = text.toUpperCase();
        const length = Number(width || 0);
        return left === "-" ? text.padEnd(length) : text.padStart(length, zero === "0" ? "0" : " ");
      },
    );
  } while (rest.length > 0 && /%[^%]/.test(pattern));
  return output;
}

function evaluateTest(context: ProgramContext, args: string[]): boolean {
  const or = args.indexOf("-o");
  if (or > 0) return evaluateTest(context, args.slice(0, or)) || evaluateTest(context, args.slice(or + 1));
  const and = args.indexOf("-a");
  if (and > 0) return evaluateTest(context, args.slice(0, and)) && evaluateTest(context, args.slice(and + 1));
  if (args[0] === "!" && args.length > 1) return !evaluateTest(context, args.slice(1));
  if (args.length <= 1) return (args[0] ?? "") !== "";
  const [left, operator, right] = args;
  if (args.length === 2) return testUnary(context, left!, operator!);
  switch (operator) {
    case "=":
    case "==":
      return left === right;
    case "!=":
      return left !== right;
    case "-eq":
      return Number(left) === Number(right);
    case "-ne":
      return Number(left) !== Number(right);
    case "-lt":
      return Number(left) < Number(right);
    case "-le":
      return Number(left) <= Number(right);
    case "-gt":
      return Number(left) > Number(right);
    case "-ge":
      return Number(left) >= Number(right);
    case "-nt":
      return (inode(context, left!)?.mtimeMs ?? 0) > (inode(context, right!)?.mtimeMs ?? 0);
    default:
      return false;
  }
}

function inode({ kernel, process }: ProgramContext, path: string, follow = true) {
  return exists(kernel.world, pathIn(process, path), process, follow);
}

function testUnary(context: ProgramContext, operator: string, value: string): boolean {
  const node = operator === "-L" || operator === "-h" ? inode(context, value, false) : inode(context, value);
  switch (operator) {
    case "-n":
      return value !== "";
    case "-z":
      return value === "";
    case "-e":
      return node !== undefined;
    case "-f":
      return node?.kind === "file";
    case "-d":
      return node?.kind === "dir";
    case "-L":
    case "-h":
      return node?.kind === "symlink";
    case "-c":
      return node?.kind === "char";
    case "-p":
      return node?.kind === "fifo";
    case "-s":
      return node !== undefined && node.size > 0;
    case "-r":
      return node !== undefined && may(node, context.process, 4);
    case "-w":
      return node !== undefined && may(node, context.process, 2);
    case "-x":
      return node !== undefined && may(node, context.process, 1);
    case "-t":
      return context.kernel.world.files.get(context.process.fds.get(Number(value)) ?? -1)?.kind === "terminal";
    default:
      return false;
  }
}
