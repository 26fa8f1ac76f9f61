import { exit, write } from "../kernel/calls.ts";
import { slurp } from "./input.ts";
import type { Program } from "./program.ts";

/**
 * Not Python and not Node: the few one-liners that tests of the API use, `print(EXPR)` and `console.log(EXPR)` line by line,
 * where EXPR is made of integers, + - * / % ** ( ) and quoted strings. Everything else is refused in words.
 */
function interpreter(name: string, print: RegExp, flag: string, version: string): Program {
  return {
    step(kernel, process) {
      const [first, second] = process.argv.slice(1);
      if (first === "--version" || first === "-V") {
        write(kernel, process, 1, `${version}\n`);
        return exit(kernel, process, 0);
      }
      let program = second ?? "";
      if (first !== flag) {
        const data = slurp(kernel, process, first === undefined || first === "-" ? [] : [first]);
        if (data === undefined) return;
        program = data.toString();
      }
      for (const line of program
        .split(/[\n;]/)
        .map((each) => each.trim())
        .filter((each) => each !== "" && !each.startsWith("#"))) {
        if (/^(?:import|from) [\w., ]+$|^\d+$/.test(line)) continue;
        const value = print.exec(line);
        const text = value === null ? undefined : evaluateLiteral(value[1]!);
        if (text === undefined) {
          write(kernel, process, 2, `${name}: the fake guest can't run: ${line}\n`);
          return exit(kernel, process, 1);
        }
        write(kernel, process, 1, `${text}\n`);
      }
      exit(kernel, process, 0);
    },
  };
}

/** A quoted string, or integer arithmetic; undefined for anything else. */
function evaluateLiteral(text: string): string | undefined {
  const string = /^(?:"([^"\\]*)"|'([^'\\]*)')$/.exec(text.trim());
  if (string !== null) return string[1] ?? string[2];
  if (!/^[\d\s()+*/%.-]+$/.test(text)) return undefined;
  try {
    return String(new Arithmetic(text).value());
  } catch {
    return undefined;
  }
}

class Arithmetic {
  readonly #tokens: string[];
  constructor(text: string) {
    this.#tokens = text.match(/\*\*|\d+(?:\.\d+)?|[()+*/%-]/g) ?? [];
  }
  value(): number {
    const value = this.#sum();
    if (this.#tokens.length > 0 || Number.isNaN(value)) throw new Error("not arithmetic");
    return value;
  }
  #sum(): number {
    let left = this.#product();
    while (this.#tokens[0] === "+" || this.#tokens[0] === "-")
      left = this.#tokens.shift() === "+" ? left + this.#product() : left - this.#product();
    return left;
  }
  #product(): number {
    let left = this.#power();
    while (["*", "/", "%"].includes(this.#tokens[0] ?? "")) {
      const operator = this.#tokens.shift();
      const right = this.#power();
      left = operator === "*" ? left * right : operator === "/" ? left / right : left % right;
    }
    return left;
  }
  #power(): number {
    const base = this.#unary();
    if (this.#tokens[0] !== "**") return base;
    this.#tokens.shift();
    return base ** this.#power();
  }
  #unary(): number {
    const token = this.#tokens.shift();
    if (token === "-") return -this.#unary();
    if (token !== "(") return Number(token);
    const value = this.#sum();
    this.#tokens.shift();
    return value;
  }
}

export const interpreterPrograms: Record<string, Program> = {
  python3: interpreter("python3", /^print\((.*)\)$/, "-c", "Python 3.0.0 (fake)"),
  node: interpreter("node", /^console\.log\((.*)\)$/, "-e", "v0.0.0-fake"),
};
