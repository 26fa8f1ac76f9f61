import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { withTimeout } from "@pandastack/platform";
import type { Answer, Call } from "../programs/rpc.ts";

const CALL_TIMEOUT_MS = 30_000;

/** A program of `programs/` in a netns (undefined: this one), driven by calls. */
export class Program {
  private readonly child: ChildProcess;
  private readonly waiting = new Map<number, (answer: Answer) => void>();
  private readonly exited: Promise<void>;
  private errors = "";
  private nextId = 0;

  constructor(name: "server" | "peer" | "name-server", netns: string | undefined) {
    const program = [process.execPath, fileURLToPath(new URL(`../programs/${name}.ts`, import.meta.url))];
    const [file, ...argv] = netns === undefined ? program : ["nsenter", `--net=/run/netns/${netns}`, ...program];
    this.child = spawn(file!, argv, { stdio: ["pipe", "pipe", "pipe"] });
    this.child.stdin!.on("error", () => undefined);
    this.child.stderr!.on("data", (chunk: Buffer) => (this.errors += chunk.toString()));
    createInterface({ input: this.child.stdout! }).on("line", (line) => {
      const answer = JSON.parse(line) as Answer;
      this.waiting.get(answer.id)?.(answer);
    });
    this.exited = new Promise((resolve) => {
      this.child.once("exit", () => {
        for (const [id, tell] of this.waiting) tell({ id, error: `${name} ended: ${this.errors.slice(-2000)}` });
        resolve();
      });
    });
  }

  async call<T>(method: string, ...args: unknown[]): Promise<T> {
    const id = this.nextId++;
    const answered = new Promise<Answer>((resolve) => this.waiting.set(id, resolve));
    const call: Call = { id, method, args };
    this.child.stdin!.write(`${JSON.stringify(call)}\n`);
    const answer = await withTimeout(answered, CALL_TIMEOUT_MS, `no answer to ${method}; ${this.errors}`);
    this.waiting.delete(id);
    if ("error" in answer) throw new Error(`${method}: ${answer.error}`);
    return answer.result as T;
  }

  get pid(): number {
    return this.child.pid!;
  }

  /** Resolves when it is gone. */
  async end(how: "quietly" | "SIGKILL" = "quietly"): Promise<void> {
    if (how === "SIGKILL") this.child.kill("SIGKILL");
    else this.child.stdin!.end();
    await withTimeout(this.exited, 10_000, "the program does not end");
  }
}
