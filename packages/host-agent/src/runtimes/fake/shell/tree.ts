/** What a script means, and what it is compiled to. Plain data: a shell that is copied in the middle of a loop goes on in both copies. */

export type Part =
  /** Unquoted text: may hold wildcards. */
  | { t: "text"; s: string }
  | { t: "quoted"; s: string }
  | { t: "tilde"; user: string }
  | { t: "var"; name: string; op: string; argument: Word | null; quoted: boolean }
  | { t: "length"; name: string }
  | { t: "arithmetic"; word: Word; quoted: boolean }
  | { t: "command"; slot: number; code: Code; quoted: boolean };
export type Word = Part[];

export interface Redirect {
  readonly fd: number;
  readonly op: "<" | ">" | ">>" | "<>" | "<&" | ">&" | "heredoc";
  word: Word;
}

export interface SimpleCommand {
  readonly assigns: { name: string; word: Word }[];
  readonly words: Word[];
  readonly redirects: Redirect[];
}

export type Node =
  | ({ t: "simple" } & SimpleCommand)
  | { t: "pipe"; parts: Node[] }
  | { t: "not"; body: Node }
  | { t: "and" | "or"; left: Node; right: Node }
  | { t: "list"; items: Node[] }
  | { t: "background"; body: Node }
  | { t: "if"; branches: { test: Node; body: Node }[]; otherwise: Node | null }
  | { t: "loop"; until: boolean; test: Node; body: Node }
  | { t: "for"; name: string; words: Word[] | null; body: Node }
  | { t: "case"; subject: Word; branches: { patterns: Word[]; body: Node | null }[] }
  | { t: "subshell"; body: Node }
  | { t: "redirected"; body: Node; redirects: Redirect[] }
  | { t: "function"; name: string; body: Node };

export type Instruction =
  /** `tested`: its failure is looked at, so `set -e` does not apply. */
  | { op: "simple"; command: SimpleCommand; tested: boolean }
  /** Runs the code in a child and keeps its output for the word that has this slot. */
  | { op: "capture"; slot: number; code: Code }
  | { op: "pipeline"; codes: Code[]; tested: boolean }
  | { op: "background"; code: Code }
  | { op: "subshell"; code: Code; tested: boolean }
  | { op: "group"; code: Code; redirects: Redirect[] }
  | { op: "not" }
  | { op: "status"; value: number }
  | { op: "jump"; to: number }
  | { op: "jumpIf"; success: boolean; to: number }
  | { op: "forInit"; loop: number; words: Word[] | null }
  | { op: "forNext"; loop: number; name: string; to: number }
  | { op: "caseTest"; subject: Word; patterns: Word[]; to: number }
  | { op: "define"; name: string; code: Code };
export type Code = Instruction[];
