import { IncompleteScript, isName, ShellSyntaxError, WordReader } from "./parse-words.ts";
import type { Code, Redirect } from "./tree.ts";

const RESERVED = new Set([
  "if",
  "then",
  "elif",
  "else",
  "fi",
  "while",
  "until",
  "do",
  "done",
  "for",
  "in",
  "case",
  "esac",
  "{",
  "}",
  "!",
]);
const REDIRECT = /^(\d?)(<<-?|<>|>>|>\||[<>]&|[<>])/;

/** What lies between the words: blanks, reserved words, redirections and the here-documents that they announce. */
export class Tokens {
  protected readonly reader: WordReader;
  protected documents: { redirect: Redirect; delimiter: string; isQuoted: boolean; stripTabs: boolean }[] = [];
  protected readonly make: (text: string) => WordReader;

  constructor(text: string, compile: (script: string) => Code, nextSlot: () => number) {
    this.make = (inner) => new WordReader(inner, compile, nextSlot);
    this.reader = this.make(text);
  }

  protected redirect(redirects: Redirect[]): boolean {
    const match = REDIRECT.exec(this.reader.text.slice(this.reader.pos, this.reader.pos + 8));
    if (match === null) return false;
    this.reader.pos += match[0].length;
    this.blank();
    const op = match[2]!;
    const from = this.reader.pos;
    const word = this.reader.word();
    if (word === undefined) return this.unexpected("the target of a redirection");
    const fd = match[1] === "" ? (op.startsWith("<") ? 0 : 1) : Number(match[1]);
    if (op.startsWith("<<")) {
      const raw = this.reader.text.slice(from, this.reader.pos);
      const redirect: Redirect = { fd, op: "heredoc", word: [] };
      this.documents.push({
        redirect,
        delimiter: raw.replace(/['"\\]/g, ""),
        isQuoted: /['"\\]/.test(raw),
        stripTabs: op === "<<-",
      });
      redirects.push(redirect);
    } else redirects.push({ fd, op: (op === ">|" ? ">" : op) as Redirect["op"], word });
    return true;
  }

  protected newline(): void {
    this.reader.pos++;
    const { text } = this.reader;
    for (const document of this.documents.splice(0)) {
      let body = "";
      for (;;) {
        if (this.reader.pos >= text.length) throw new IncompleteScript(`here-document without "${document.delimiter}"`);
        const end = text.indexOf("\n", this.reader.pos);
        let line = text.slice(this.reader.pos, end < 0 ? text.length : end);
        this.reader.pos = end < 0 ? text.length : end + 1;
        if (document.stripTabs) line = line.replace(/^\t+/, "");
        if (line === document.delimiter) break;
        body += `${line}\n`;
      }
      document.redirect.word = document.isQuoted ? [{ t: "quoted", s: body }] : this.make(body).hereDocument();
    }
  }

  /** Skips blanks, comments and escaped newlines; newlines too when they mean nothing here. */
  protected blank(newlines = false): void {
    for (;;) {
      const at = this.reader.peek();
      if (at === " " || at === "\t") this.reader.pos++;
      else if (this.reader.peek(2) === "\\\n") this.reader.pos += 2;
      else if (at === "#")
        while (this.reader.pos < this.reader.text.length && this.reader.peek() !== "\n") this.reader.pos++;
      else if (at === "\n" && newlines) this.newline();
      else return;
    }
  }

  protected reserved(): string | undefined {
    const match = /^(?:[a-z]+|[{}!])(?=[\s;&|<>()]|$)/.exec(
      this.reader.text.slice(this.reader.pos, this.reader.pos + 8),
    );
    return match !== null && RESERVED.has(match[0]) ? match[0] : undefined;
  }

  protected take(word: string): void {
    this.blank(true);
    if (this.reserved() !== word) this.unexpected(`"${word}"`);
    this.reader.pos += word.length;
  }

  protected symbol(symbol: string): void {
    this.blank(true);
    if (this.reader.peek() !== symbol) this.unexpected(`"${symbol}"`);
    this.reader.pos++;
  }

  protected plain(): string {
    const match = /^[A-Za-z0-9_]+/.exec(this.reader.text.slice(this.reader.pos));
    if (match === null || !isName(match[0])) return this.unexpected("a name");
    this.reader.pos += match[0].length;
    return match[0];
  }

  protected unexpected(expected: string): never {
    const rest = this.reader.text.slice(this.reader.pos);
    if (rest === "") throw new IncompleteScript(`expected ${expected}`);
    throw new ShellSyntaxError(
      `syntax error: unexpected "${rest.split(/\s/)[0] || "newline"}" (expecting ${expected})`,
    );
  }
}
