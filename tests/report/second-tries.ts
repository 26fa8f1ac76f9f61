import type { Reporter, TestCase } from "vitest/node";

/** Lines of an error that are worth reading in a list. */
const ERROR_LINES = 12;

/** Cases that passed at a second try only, each with what was wrong at the first: a flake that nobody sees is never mended. */
export default class SecondTries implements Reporter {
  readonly #seen: string[] = [];

  onTestCaseResult(testCase: TestCase): void {
    const diagnostic = testCase.diagnostic();
    if (diagnostic === undefined || diagnostic.retryCount === 0 || testCase.result().state !== "passed") return;
    const first = testCase.result().errors?.[0];
    const message = (first?.stack ?? first?.message ?? "no error was kept").split("\n").slice(0, ERROR_LINES);
    this.#seen.push(
      [`${testCase.project.name}: ${testCase.fullName}`, ...message.map((line) => `    ${line}`)].join("\n"),
    );
  }

  onTestRunEnd(): void {
    if (this.#seen.length === 0) return;
    process.stdout.write(`\nPassed at a second try only (${this.#seen.length}):\n${this.#seen.join("\n")}\n`);
  }
}
