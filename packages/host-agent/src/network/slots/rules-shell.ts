import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { TOOL_ENV } from "../../processes/run.ts";

const TIMEOUT_MS = 20_000;
const END_OF_RULES = "end-of-rules";
const ANSWER = /^answered with (\d+)$/;

interface Shell {
  readonly child: ChildProcess;
  /** What it said until it answered, and with which exit code. */
  readonly answers: ((answer: { code: number; said: string }) => void)[];
}

/**
 * Puts nft text in force inside network namespaces. One small shell starts the tools: to fork this process takes more than they
 * do, and nothing else happens here meanwhile. It ends with this process, by the end of its input.
 */
class RulesShell {
  #shell: Shell | undefined;
  #last: Promise<unknown> = Promise.resolve();

  /** Whole or not at all. One after the other. */
  apply(netnsPath: string, rules: string): Promise<void> {
    const work = this.#last.then(() => this.#apply(netnsPath, rules));
    this.#last = work.catch(() => {});
    return work;
  }

  async #apply(netnsPath: string, rules: string): Promise<void> {
    const shell = (this.#shell ??= this.#start());
    const timer = setTimeout(() => this.#end(shell), TIMEOUT_MS);
    const answered = new Promise<{ code: number; said: string }>((resolve) => shell.answers.push(resolve));
    const text = rules.endsWith("\n") ? rules : `${rules}\n`;
    shell.child.stdin!.write(
      `nsenter --net='${netnsPath}' nft -f - 2>&1 <<'${END_OF_RULES}'\n${text}${END_OF_RULES}\necho "answered with $?"\n`,
    );
    const { code, said } = await answered;
    clearTimeout(timer);
    if (code !== 0) throw new Error(`nft in ${netnsPath} failed with exit code ${code}: ${said.slice(-1000)}`);
  }

  #start(): Shell {
    const child = spawn("sh", [], { detached: true, env: TOOL_ENV, stdio: ["pipe", "pipe", "ignore"] });
    const shell: Shell = { child, answers: [] };
    let said: string[] = [];
    createInterface(child.stdout).on("line", (line) => {
      const code = ANSWER.exec(line)?.[1];
      if (code === undefined) return void said.push(line);
      shell.answers.shift()?.({ code: Number(code), said: said.join("\n") });
      said = [];
    });
    const gone = (why: string) => {
      if (this.#shell === shell) this.#shell = undefined;
      for (const answer of shell.answers.splice(0)) answer({ code: 1, said: `the shell that starts it ${why}` });
    };
    child.once("error", (error) => gone(`could not start (${error.message})`));
    child.once("close", () => gone("has ended"));
    // It may end before it has read what it was told.
    child.stdin.on("error", () => {});
    child.unref();
    for (const stream of [child.stdin, child.stdout]) (stream as unknown as { unref(): void }).unref();
    return shell;
  }

  #end({ child }: Shell): void {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, "SIGKILL");
  }
}

export const rulesShell = new RulesShell();
