import { Parser } from "./parse.ts";
import type { Code, Instruction, Node, Redirect, Word } from "./tree.ts";

/** A script as a flat list of instructions: a shell's place in it is one number, which can be written down. */
export function compileScript(text: string): Code {
  let slots = 0;
  const nextSlot = (): number => slots++;
  const parse = (script: string): Code => compileNode(new Parser(script, parse, nextSlot).script());
  return parse(text);
}

function compileNode(node: Node): Code {
  const compiler = new Compiler();
  compiler.emit(node, false);
  return compiler.code;
}

class Compiler {
  readonly code: Code = [];
  /** Jumps that `break` and `continue` of the loops around need. */
  readonly #loops: { breaks: number[]; continues: number[] }[] = [];

  emit(node: Node, tested: boolean): void {
    switch (node.t) {
      case "simple": {
        const [name, level] = [literal(node.words[0]), Number(literal(node.words[1]) ?? "1")];
        const loop = this.#loops.at(-level);
        if (loop !== undefined && (name === "break" || name === "continue")) {
          (name === "break" ? loop.breaks : loop.continues).push(this.#jump());
          return;
        }
        for (const { word } of node.assigns) this.#captures(word);
        for (const word of node.words) this.#captures(word);
        this.#redirectCaptures(node.redirects);
        const { assigns, words, redirects } = node;
        this.code.push({ op: "simple", command: { assigns, words, redirects }, tested });
        return;
      }
      case "list":
        for (const item of node.items) this.emit(item, tested);
        return;
      case "pipe":
        this.code.push({ op: "pipeline", codes: node.parts.map(compileNode), tested });
        return;
      case "not":
        this.emit(node.body, true);
        this.code.push({ op: "not" });
        return;
      case "and":
      case "or": {
        this.emit(node.left, true);
        const skip = this.code.push({ op: "jumpIf", success: node.t === "or", to: 0 }) - 1;
        this.emit(node.right, tested);
        this.#land(skip);
        return;
      }
      case "background":
        this.code.push({ op: "background", code: compileNode(node.body) });
        return;
      case "if":
        return this.#if(node, tested);
      case "loop":
        return this.#loop(node);
      case "for":
        return this.#for(node);
      case "case":
        return this.#case(node, tested);
      case "subshell":
        this.code.push({ op: "subshell", code: compileNode(node.body), tested });
        return;
      case "redirected":
        this.#redirectCaptures(node.redirects);
        this.code.push({ op: "group", code: compileNode(node.body), redirects: node.redirects });
        return;
      case "function":
        this.code.push({ op: "define", name: node.name, code: compileNode(node.body) });
    }
  }

  #if(node: Node & { t: "if" }, tested: boolean): void {
    const ends: number[] = [];
    for (const { test, body } of node.branches) {
      this.emit(test, true);
      const next = this.code.push({ op: "jumpIf", success: false, to: 0 }) - 1;
      this.emit(body, tested);
      ends.push(this.#jump());
      this.#land(next);
    }
    if (node.otherwise === null) this.code.push({ op: "status", value: 0 });
    else this.emit(node.otherwise, tested);
    for (const end of ends) this.#land(end);
  }

  #loop(node: Node & { t: "loop" }): void {
    const loop = { breaks: [] as number[], continues: [] as number[] };
    const start = this.code.length;
    this.emit(node.test, true);
    const leave = this.code.push({ op: "jumpIf", success: node.until, to: 0 }) - 1;
    this.#loops.push(loop);
    this.emit(node.body, false);
    this.#loops.pop();
    for (const at of loop.continues) this.#land(at, start);
    this.code.push({ op: "jump", to: start });
    this.#land(leave);
    this.code.push({ op: "status", value: 0 });
    for (const at of loop.breaks) this.#land(at);
  }

  #for(node: Node & { t: "for" }): void {
    const loop = { breaks: [] as number[], continues: [] as number[] };
    for (const word of node.words ?? []) this.#captures(word);
    const id = this.code.length;
    this.code.push({ op: "forInit", loop: id, words: node.words });
    const start = this.code.push({ op: "forNext", loop: id, name: node.name, to: 0 }) - 1;
    this.#loops.push(loop);
    this.emit(node.body, false);
    this.#loops.pop();
    for (const at of loop.continues) this.#land(at, start);
    this.code.push({ op: "jump", to: start });
    this.#land(start);
    for (const at of loop.breaks) this.#land(at);
  }

  #case(node: Node & { t: "case" }, tested: boolean): void {
    this.#captures(node.subject);
    const ends: number[] = [];
    for (const { patterns, body } of node.branches) {
      const next = this.code.push({ op: "caseTest", subject: node.subject, patterns, to: 0 }) - 1;
      if (body !== null) this.emit(body, tested);
      ends.push(this.#jump());
      this.#land(next);
    }
    this.code.push({ op: "status", value: 0 });
    for (const end of ends) this.#land(end);
  }

  #jump(): number {
    return this.code.push({ op: "jump", to: 0 }) - 1;
  }

  /** Points the jump at `at` to `to`, or to what comes next. */
  #land(at: number, to = this.code.length): void {
    (this.code[at] as Instruction & { to: number }).to = to;
  }

  #redirectCaptures(redirects: readonly Redirect[]): void {
    for (const { word } of redirects) this.#captures(word);
  }

  /** Command substitutions run before the instruction that needs their output. */
  #captures(word: Word): void {
    for (const part of word) {
      if (part.t === "command") this.code.push({ op: "capture", slot: part.slot, code: part.code });
      if (part.t === "arithmetic") this.#captures(part.word);
      if (part.t === "var" && part.argument !== null) this.#captures(part.argument);
    }
  }
}

function literal(word: Word | undefined): string | undefined {
  return word?.length === 1 && word[0]!.t === "text" ? word[0]!.s : undefined;
}
