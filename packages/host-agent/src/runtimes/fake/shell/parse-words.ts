import type { Code, Part, Word } from "./tree.ts";

export class ShellSyntaxError extends Error {
  override readonly name = "ShellSyntaxError";
}
/** The text ends in the middle of something: a shell that reads lines asks for more. */
export class IncompleteScript extends ShellSyntaxError {}

const NAME = /^[A-Za-z_][A-Za-z0-9_]*/;
const PARAMETER = /^(?:[A-Za-z_][A-Za-z0-9_]*|[0-9]+|[?$!#@*-])/;
const WORD_END = /[\s;&|<>()]/;

/** Words of a script: quoting and the expansions, unexpanded. The grammar around them is in `parse.ts`. */
export class WordReader {
  readonly text: string;
  pos = 0;
  readonly #compile: (script: string) => Code;
  readonly #nextSlot: () => number;

  constructor(text: string, compile: (script: string) => Code, nextSlot: () => number) {
    this.text = text;
    this.#compile = compile;
    this.#nextSlot = nextSlot;
  }

  peek(count = 1): string {
    return this.text.slice(this.pos, this.pos + count);
  }

  /** A word up to an unquoted separator; undefined when there is none here. */
  word(): Word | undefined {
    const start = this.pos;
    const parts: Part[] = [];
    if (this.peek() === "~") {
      const user = /^~([A-Za-z0-9_-]*)(?=[/\s;&|<>():]|$)/.exec(this.text.slice(this.pos));
      if (user !== null) {
        parts.push({ t: "tilde", user: user[1]! });
        this.pos += user[0].length;
      }
    }
    while (this.pos < this.text.length && !WORD_END.test(this.peek())) this.#part(parts, WORD_END);
    return this.pos === start ? undefined : parts;
  }

  /** A whole text in which only `$`, backquote and backslash mean something: a here-document. */
  hereDocument(): Word {
    const parts: Part[] = [];
    while (this.pos < this.text.length) this.#quotedPart(parts, "");
    return parts;
  }

  #part(parts: Part[], end: RegExp): void {
    const at = this.peek();
    if (at === "'") {
      const close = this.text.indexOf("'", this.pos + 1);
      if (close < 0) throw new IncompleteScript("unterminated quoted string");
      parts.push({ t: "quoted", s: this.text.slice(this.pos + 1, close) });
      this.pos = close + 1;
    } else if (at === '"') {
      this.pos++;
      parts.push({ t: "quoted", s: "" });
      while (this.peek() !== '"') {
        if (this.pos >= this.text.length) throw new IncompleteScript("unterminated quoted string");
        this.#quotedPart(parts, '"');
      }
      this.pos++;
    } else if (at === "\\") {
      if (this.pos + 1 >= this.text.length) throw new IncompleteScript("line continues");
      if (this.text[this.pos + 1] !== "\n") parts.push({ t: "quoted", s: this.text[this.pos + 1]! });
      this.pos += 2;
    } else if (at === "$" || at === "`") {
      this.#dollar(parts, false);
    } else {
      const from = this.pos++;
      while (this.pos < this.text.length && !/['"\\$`]/.test(this.peek()) && !end.test(this.peek())) this.pos++;
      parts.push({ t: "text", s: this.text.slice(from, this.pos) });
    }
  }

  #quotedPart(parts: Part[], quote: string): void {
    const at = this.peek();
    if (at === "$" || at === "`") this.#dollar(parts, true);
    else if (at === "\\" && ["$", "`", "\\", "\n", quote].includes(this.text[this.pos + 1] ?? " ")) {
      if (this.text[this.pos + 1] !== "\n") parts.push({ t: "quoted", s: this.text[this.pos + 1]! });
      this.pos += 2;
    } else {
      const from = this.pos++;
      while (this.pos < this.text.length && !"$`\\".includes(this.peek()) && this.peek() !== quote) this.pos++;
      parts.push({ t: "quoted", s: this.text.slice(from, this.pos) });
    }
  }

  #dollar(parts: Part[], quoted: boolean): void {
    if (this.peek() === "`") {
      const close = /^`((?:[^`\\]|\\[^])*)`/.exec(this.text.slice(this.pos));
      if (close === null) throw new IncompleteScript("unterminated backquote");
      this.pos += close[0].length;
      parts.push({
        t: "command",
        slot: this.#nextSlot(),
        code: this.#compile(close[1]!.replace(/\\([`\\$])/g, "$1")),
        quoted,
      });
      return;
    }
    this.pos++;
    if (this.peek(2) === "((") {
      const close = this.#matching(this.pos, "(", ")");
      const inner = this.#nested(this.text.slice(this.pos + 2, close - 1)).hereDocument();
      this.pos = close + 1;
      parts.push({ t: "arithmetic", word: inner, quoted });
    } else if (this.peek() === "(") {
      const close = this.#matching(this.pos, "(", ")");
      parts.push({
        t: "command",
        slot: this.#nextSlot(),
        code: this.#compile(this.text.slice(this.pos + 1, close)),
        quoted,
      });
      this.pos = close + 1;
    } else if (this.peek() === "{") {
      const close = this.#matching(this.pos, "{", "}");
      parts.push(this.#braced(this.text.slice(this.pos + 1, close), quoted));
      this.pos = close + 1;
    } else {
      const name = PARAMETER.exec(this.text.slice(this.pos));
      if (name === null) {
        parts.push({ t: "quoted", s: "$" });
        return;
      }
      const short = /^[0-9]/.test(name[0]) ? name[0][0]! : name[0];
      this.pos += short.length;
      parts.push({ t: "var", name: short, op: "", argument: null, quoted });
    }
  }

  #braced(inner: string, quoted: boolean): Part {
    const length = /^#([A-Za-z_][A-Za-z0-9_]*|[0-9@*])$/.exec(inner);
    if (length !== null) return { t: "length", name: length[1]! };
    const name = PARAMETER.exec(inner);
    const op = name === null ? null : /^(?::?[-=?+]|##?|%%?|)/.exec(inner.slice(name[0].length));
    if (name === null || op === null) throw new ShellSyntaxError(`\${${inner}}: bad substitution`);
    const rest = inner.slice(name[0].length + op[0].length);
    if (op[0] === "" && rest !== "") throw new ShellSyntaxError(`\${${inner}}: bad substitution`);
    const reader = this.#nested(rest);
    const argument: Part[] = [];
    while (reader.pos < reader.text.length) {
      if (quoted && !op[0].startsWith("#") && !op[0].startsWith("%")) reader.#quotedPart(argument, "");
      else reader.#part(argument, /(?!)/);
    }
    return { t: "var", name: name[0], op: op[0], argument: op[0] === "" ? null : argument, quoted };
  }

  #nested(text: string): WordReader {
    return new WordReader(text, this.#compile, this.#nextSlot);
  }

  /** Index of the bracket that closes the one at `open`; quotes and escapes are stepped over. */
  #matching(open: number, left: string, right: string): number {
    let depth = 0;
    for (let i = open; i < this.text.length; i++) {
      const at = this.text[i]!;
      if (at === "\\") i++;
      else if (at === "'") {
        i = this.text.indexOf("'", i + 1);
        if (i < 0) break;
      } else if (at === '"') {
        for (i++; i < this.text.length && this.text[i] !== '"'; i++) if (this.text[i] === "\\") i++;
      } else if (at === left) depth++;
      else if (at === right && --depth === 0) return i;
    }
    throw new IncompleteScript(`missing "${right}"`);
  }
}

export function isName(text: string): boolean {
  return NAME.exec(text)?.[0] === text;
}
