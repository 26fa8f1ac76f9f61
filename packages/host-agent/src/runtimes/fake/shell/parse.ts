import { IncompleteScript, ShellSyntaxError } from "./parse-words.ts";
import { Tokens } from "./tokens.ts";
import type { Node, Redirect, Word } from "./tree.ts";

/** The grammar of POSIX sh, without here-strings, arrays and job control. */
export class Parser extends Tokens {
  script(): Node {
    const node = this.#list([]);
    this.blank();
    if (this.reader.pos < this.reader.text.length) {
      throw new ShellSyntaxError(
        `syntax error: unexpected "${this.reader.text.slice(this.reader.pos).split(/\s/)[0]}"`,
      );
    }
    if (this.documents.length > 0) throw new IncompleteScript("here-document without its end");
    return node;
  }

  /** Commands up to one of the reserved words (or `)`/`;;`), which is left to the caller. */
  #list(stops: readonly string[]): Node {
    const items: Node[] = [];
    for (;;) {
      this.blank(true);
      const at = this.reader;
      if (at.pos >= at.text.length || at.peek() === ")" || at.peek(2) === ";;") break;
      const word = this.reserved();
      if (word !== undefined && stops.includes(word)) break;
      let node = this.#andOr();
      this.blank();
      if (at.peek() === "&" && at.peek(2) !== "&&") {
        at.pos++;
        node = { t: "background", body: node };
      } else if (at.peek() === ";" && at.peek(2) !== ";;") at.pos++;
      else if (at.peek() === "\n") this.newline();
      else {
        items.push(node);
        break;
      }
      items.push(node);
    }
    return items.length === 1 ? items[0]! : { t: "list", items };
  }

  #andOr(): Node {
    let left = this.#pipeline();
    for (;;) {
      this.blank();
      const op = this.reader.peek(2);
      if (op !== "&&" && op !== "||") return left;
      this.reader.pos += 2;
      this.blank(true);
      left = { t: op === "&&" ? "and" : "or", left, right: this.#pipeline() };
    }
  }

  #pipeline(): Node {
    this.blank();
    const isNegated = this.reserved() === "!";
    if (isNegated) this.take("!");
    const parts = [this.#command()];
    for (;;) {
      this.blank();
      if (this.reader.peek() !== "|" || this.reader.peek(2) === "||") break;
      this.reader.pos++;
      this.blank(true);
      parts.push(this.#command());
    }
    const node: Node = parts.length === 1 ? parts[0]! : { t: "pipe", parts };
    return isNegated ? { t: "not", body: node } : node;
  }

  #command(): Node {
    this.blank();
    const at = this.reader;
    if (at.pos >= at.text.length) throw new IncompleteScript("a command is missing");
    const body = this.#compound();
    if (body === undefined) return this.#simple();
    const redirects: Redirect[] = [];
    do this.blank();
    while (this.redirect(redirects));
    return redirects.length === 0 ? body : { t: "redirected", body, redirects };
  }

  #compound(): Node | undefined {
    if (this.reader.peek() === "(") {
      this.reader.pos++;
      const body = this.#list([]);
      this.symbol(")");
      return { t: "subshell", body };
    }
    switch (this.reserved()) {
      case "{": {
        this.take("{");
        const body = this.#list(["}"]);
        this.take("}");
        return body;
      }
      case "if":
        return this.#if();
      case "while":
      case "until": {
        const until = this.reserved() === "until";
        this.take(until ? "until" : "while");
        const test = this.#list(["do"]);
        return { t: "loop", until, test, body: this.#doGroup() };
      }
      case "for":
        return this.#for();
      case "case":
        return this.#case();
      default:
        return this.#function();
    }
  }

  #if(): Node {
    const branches: { test: Node; body: Node }[] = [];
    let otherwise: Node | null = null;
    this.take("if");
    for (;;) {
      const test = this.#list(["then"]);
      this.take("then");
      branches.push({ test, body: this.#list(["elif", "else", "fi"]) });
      if (this.reserved() !== "elif") break;
      this.take("elif");
    }
    if (this.reserved() === "else") {
      this.take("else");
      otherwise = this.#list(["fi"]);
    }
    this.take("fi");
    return { t: "if", branches, otherwise };
  }

  #doGroup(): Node {
    this.take("do");
    const body = this.#list(["done"]);
    this.take("done");
    return body;
  }

  #for(): Node {
    this.take("for");
    this.blank();
    const name = this.plain();
    let words: Word[] | null = null;
    this.blank(true);
    if (this.reserved() === "in") {
      this.take("in");
      words = this.#words();
    }
    this.blank();
    if (this.reader.peek() === ";") this.reader.pos++;
    return { t: "for", name, words, body: this.#doGroup() };
  }

  #words(): Word[] {
    const words: Word[] = [];
    for (;;) {
      this.blank();
      const word = this.reader.word();
      if (word === undefined) return words;
      words.push(word);
    }
  }

  #case(): Node {
    this.take("case");
    this.blank();
    const subject = this.reader.word() ?? [];
    this.blank(true);
    this.take("in");
    const branches: { patterns: Word[]; body: Node | null }[] = [];
    for (;;) {
      this.blank(true);
      if (this.reserved() === "esac") break;
      if (this.reader.peek() === "(") this.reader.pos++;
      const patterns: Word[] = [];
      do {
        if (this.reader.peek() === "|") this.reader.pos++;
        this.blank();
        patterns.push(this.reader.word() ?? []);
        this.blank();
      } while (this.reader.peek() === "|");
      this.symbol(")");
      branches.push({ patterns, body: this.#list(["esac"]) });
      this.blank(true);
      if (this.reader.peek(2) === ";;") this.reader.pos += 2;
      else if (this.reserved() !== "esac") this.unexpected("esac");
    }
    this.take("esac");
    return { t: "case", subject, branches };
  }

  #function(): Node | undefined {
    const head = /^([A-Za-z_][A-Za-z0-9_-]*)[ \t]*\([ \t]*\)/.exec(this.reader.text.slice(this.reader.pos));
    if (head === null) return undefined;
    this.reader.pos += head[0].length;
    this.blank(true);
    return { t: "function", name: head[1]!, body: this.#command() };
  }

  #simple(): Node {
    const assigns: { name: string; word: Word }[] = [];
    const words: Word[] = [];
    const redirects: Redirect[] = [];
    for (;;) {
      this.blank();
      if (this.redirect(redirects)) continue;
      const assignment =
        words.length > 0 ? null : /^([A-Za-z_][A-Za-z0-9_]*)=/.exec(this.reader.text.slice(this.reader.pos));
      if (assignment !== null) {
        this.reader.pos += assignment[0].length;
        assigns.push({ name: assignment[1]!, word: this.reader.word() ?? [] });
        continue;
      }
      const word = this.reader.word();
      if (word === undefined) break;
      words.push(word);
    }
    if (assigns.length + words.length + redirects.length === 0) this.unexpected("a command");
    return { t: "simple", assigns, words, redirects };
  }
}
