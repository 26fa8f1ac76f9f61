import type { Kernel } from "../kernel/kernel.ts";
import { findUser } from "../kernel/users.ts";
import type { Process } from "../world/world.ts";
import { ArithmeticError, evaluate } from "./arithmetic.ts";
import { glob, hasWildcard, patternOf, type Piece } from "./patterns.ts";
import type { Frame, ShellState } from "./state.ts";
import type { Part, Word } from "./tree.ts";

/** The command can't go on: `${x?}`, `set -u`, bad arithmetic. Ends a script. */
export class ExpansionError extends Error {
  override readonly name = "ExpansionError";
}

export interface ExpandContext {
  readonly kernel: Kernel;
  readonly process: Process;
  readonly shell: ShellState;
  readonly frame: Frame;
}

export function variable(shell: ShellState, name: string): string | undefined {
  switch (name) {
    case "?":
      return String(shell.status);
    case "$":
      return String(shell.pid);
    case "!":
      return shell.backgroundPid === null ? "" : String(shell.backgroundPid);
    case "#":
      return String(shell.args.length);
    case "-":
      return `${shell.errexit ? "e" : ""}${shell.nounset ? "u" : ""}${shell.xtrace ? "x" : ""}`;
    case "*":
    case "@":
      return shell.args.length === 0 ? undefined : shell.args.join(" ");
    case "0":
      return shell.name;
    default:
      return /^[0-9]+$/.test(name) ? shell.args[Number(name) - 1] : shell.vars[name];
  }
}

/** One string: assignments, targets of redirections, `case` subjects. */
export function expandText(context: ExpandContext, word: Word): string {
  return expandPieces(context, word)
    .map((piece) => piece.s)
    .join("");
}

export function expandPattern(context: ExpandContext, word: Word): RegExp {
  return patternOf(expandPieces(context, word), { forPaths: false });
}

/** As arguments: unquoted expansions are split by IFS, wildcards become paths. */
export function expandFields(context: ExpandContext, words: readonly Word[]): string[] {
  const result: string[] = [];
  for (const word of words) {
    for (const field of split(context, word)) {
      const paths = hasWildcard(field) ? glob(context.kernel.world, context.process, field) : [];
      if (paths.length > 0) result.push(...paths);
      else result.push(field.map((piece) => piece.s).join(""));
    }
  }
  return result;
}

function split(context: ExpandContext, word: Word): Piece[][] {
  const separators = context.shell.vars["IFS"] ?? " \t\n";
  const fields: Piece[][] = [];
  let current: Piece[] | undefined;
  for (const part of word) {
    if (part.t === "var" && part.name === "@" && part.quoted && part.op === "") {
      for (const [index, argument] of context.shell.args.entries()) {
        if (index > 0 && current !== undefined) fields.push(current);
        current = index > 0 ? [] : (current ?? []);
        current.push({ s: argument, isLiteral: true });
      }
      continue;
    }
    for (const piece of expandPart(context, part)) {
      const isSplit = !piece.isLiteral && part.t !== "text" && part.t !== "quoted" && part.t !== "tilde";
      if (!isSplit) {
        // The empty marker that opens `"$@"` makes no field of its own.
        if (piece.s === "" && word.some((other) => other.t === "var" && other.name === "@" && other.quoted)) continue;
        (current ??= []).push(piece);
        continue;
      }
      let text = "";
      for (const character of piece.s) {
        if (!separators.includes(character)) {
          text += character;
          continue;
        }
        if (text !== "") (current ??= []).push({ s: text, isLiteral: false });
        text = "";
        if (current !== undefined) fields.push(current);
        current = /\s/.test(character) ? undefined : [];
      }
      if (text !== "") (current ??= []).push({ s: text, isLiteral: false });
    }
  }
  if (current !== undefined) fields.push(current);
  return fields;
}

function expandPieces(context: ExpandContext, word: Word): Piece[] {
  return word.flatMap((part) => expandPart(context, part));
}

function expandPart(context: ExpandContext, part: Part): Piece[] {
  switch (part.t) {
    case "text":
      return [{ s: part.s, isLiteral: false }];
    case "quoted":
      return [{ s: part.s, isLiteral: true }];
    case "tilde":
      return [{ s: home(context, part.user), isLiteral: true }];
    case "length":
      return [{ s: String((variable(context.shell, part.name) ?? "").length), isLiteral: true }];
    case "command":
      return [{ s: context.frame.slots[part.slot] ?? "", isLiteral: part.quoted }];
    case "arithmetic":
      return [{ s: String(calculate(context, expandText(context, part.word))), isLiteral: part.quoted }];
    case "var":
      return expandVariable(context, part);
  }
}

function calculate(context: ExpandContext, text: string): number {
  try {
    return evaluate(text, {
      get: (name) => context.shell.vars[name] ?? "",
      set: (name, value) => void (context.shell.vars[name] = value),
    });
  } catch (error) {
    if (error instanceof ArithmeticError) throw new ExpansionError(error.message);
    throw error;
  }
}

function home(context: ExpandContext, user: string): string {
  if (user === "") return context.shell.vars["HOME"] ?? "/";
  return findUser(context.kernel.world, user)?.home ?? `~${user}`;
}

function expandVariable(context: ExpandContext, part: Part & { t: "var" }): Piece[] {
  const { shell } = context;
  const value = variable(shell, part.name);
  const given = (text: string): Piece[] => [{ s: text, isLiteral: part.quoted }];
  const argument = (): Piece[] =>
    expandPieces(context, part.argument ?? []).map((piece) => ({
      s: piece.s,
      isLiteral: part.quoted || piece.isLiteral,
    }));
  const isMissing = value === undefined || (part.op.startsWith(":") && value === "");
  switch (part.op.replace(":", "")) {
    case "-":
      return isMissing ? argument() : given(value);
    case "=":
      if (isMissing) shell.vars[part.name] = expandText(context, part.argument ?? []);
      return given(shell.vars[part.name] ?? "");
    case "+":
      return isMissing ? [] : argument();
    case "?":
      if (isMissing)
        throw new ExpansionError(`${part.name}: ${expandText(context, part.argument ?? []) || "parameter not set"}`);
      return given(value);
    case "#":
    case "##":
    case "%":
    case "%%":
      return given(trim(value ?? "", part.op, expandPattern(context, part.argument ?? [])));
    default:
      if (value === undefined && shell.nounset && part.name !== "@" && part.name !== "*") {
        throw new ExpansionError(`${part.name}: parameter not set`);
      }
      return given(value ?? "");
  }
}

function trim(text: string, op: string, pattern: RegExp): string {
  const isPrefix = op.startsWith("#");
  const isLongest = op.length === 2;
  for (let i = 0; i <= text.length; i++) {
    const length = isLongest ? text.length - i : i;
    const part = isPrefix ? text.slice(0, length) : text.slice(text.length - length);
    if (pattern.test(part)) return isPrefix ? text.slice(length) : text.slice(0, text.length - length);
  }
  return text;
}
