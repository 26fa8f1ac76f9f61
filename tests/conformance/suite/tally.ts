import { writeSync } from "node:fs";

/** Counts the cases of one runtime and says at the end what became of them. */
export class Tally {
  readonly #runtime: string;
  readonly #notRun: { what: string; reason: string }[] = [];
  /** What became of each case; a second try takes the first one's place. */
  readonly #outcomes = new Map<string, boolean>();
  #declared = 0;
  #isOpen = false;

  constructor(runtime: string) {
    this.#runtime = runtime;
  }

  declare(): void {
    this.#declared++;
  }

  /** The host is there. Without this every case has failed, whatever else happened. */
  opened(): void {
    this.#isOpen = true;
  }

  ran(title: string, passed: boolean): void {
    this.#outcomes.set(title, passed);
  }

  notRun(what: string, reason: string): void {
    this.#notRun.push({ what, reason });
  }

  /** Straight to standard output: the line is for a reader of the log, not for a test's console. */
  print(): void {
    const passed = [...this.#outcomes.values()].filter(Boolean).length;
    const rest = this.#declared - this.#outcomes.size;
    let failed = this.#outcomes.size - passed;
    if (!this.#isOpen) failed += rest;
    else for (let i = 0; i < rest; i++) this.notRun("filtered", "left out by the command line");
    const reasons = new Map<string, string[]>();
    for (const { what, reason } of this.#notRun) reasons.set(reason, [...(reasons.get(reason) ?? []), what]);
    let text = "";
    for (const [reason, cases] of reasons)
      text += `not run (${reason}): ${cases.length > 9 ? `${cases.length} cases` : cases.join("; ")}\n`;
    text += `conformance ${this.#runtime}: ${passed} passed, ${failed} failed, ${this.#notRun.length} not run\n`;
    writeSync(1, text);
  }
}
