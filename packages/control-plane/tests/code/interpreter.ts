import { spawn, type ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect } from "vitest";

const MAIN = new URL("../../guest/code-interpreter/server/main.py", import.meta.url).pathname;

export type Message = { type: string; [key: string]: unknown };

/** The program that runs inside sandboxes, with its real kernels, on this machine. */
export class LocalInterpreter {
  readonly #folder = mkdtempSync(join(tmpdir(), "pandastack-code-"));
  readonly #server: ChildProcess;
  #address: { port: number; token: string } | undefined;

  constructor(env: Record<string, string> = {}) {
    this.#server = spawn("python3", [MAIN, "serve"], {
      env: {
        PATH: `${join(process.execPath, "..")}:${process.env["PATH"]}`,
        PANDASTACK_CODE_FOLDER: this.#folder,
        ...env,
      },
      stdio: "inherit",
    });
  }

  /** Everything that it says to one request. `until` is called with each message; true ends the connection there. */
  async ask(request: object, until: (message: Message) => boolean = () => false): Promise<Message[]> {
    const { port, token } = await this.#listening();
    const socket = connect({ port, host: "127.0.0.1" });
    socket.write(`${JSON.stringify({ token, ...request })}\n`);
    const messages: Message[] = [];
    for await (const line of createInterface({ input: socket })) {
      const message = JSON.parse(line) as Message;
      messages.push(message);
      if (until(message)) break;
    }
    socket.destroy();
    return messages;
  }

  /** Requests over one connection, each after the end of what the one before led to. */
  async askOverOne(requests: readonly object[]): Promise<Message[][]> {
    const { port, token } = await this.#listening();
    const socket = connect({ port, host: "127.0.0.1" });
    const send = (index: number) => socket.write(`${JSON.stringify({ token, keep: true, ...requests[index] })}\n`);
    const answers: Message[][] = [[]];
    send(0);
    for await (const line of createInterface({ input: socket })) {
      const message = JSON.parse(line) as Message;
      answers.at(-1)!.push(message);
      if (message.type !== "end") continue;
      if (answers.length === requests.length) break;
      send(answers.length);
      answers.push([]);
    }
    socket.destroy();
    return answers;
  }

  /** What templates start, in this interpreter's folder. */
  async warm(...modules: string[]): Promise<{ exitCode: number | null; said: string; files: string[] }> {
    const env = { ...process.env, PANDASTACK_CODE_FOLDER: this.#folder };
    await this.#listening();
    const program = spawn("python3", [join(MAIN, "../warm.py"), ...modules], {
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let said = "";
    program.stderr.on("data", (data: Buffer) => (said += data.toString()));
    const [exitCode] = (await once(program, "close")) as [number | null];
    return { exitCode, said, files: readdirSync(this.#folder) };
  }

  async run(code: string, options: object = {}): Promise<Outcome> {
    return new Outcome(await this.ask({ op: "run", code, ...options }));
  }

  async #listening(): Promise<{ port: number; token: string }> {
    if (this.#address !== undefined) return this.#address;
    const read = () => JSON.parse(readFileSync(join(this.#folder, "address"), "utf8")) as { port: number };
    await expect.poll(() => attempt(read), { timeout: 20_000 }).toBeDefined();
    this.#address = { ...read(), token: randomUUID() };
    this.giveToken();
    return this.#address;
  }

  /** As the control plane does it when it first looks. */
  giveToken(): void {
    writeFileSync(join(this.#folder, "token"), `${this.#address?.token}\n`, { mode: 0o600 });
  }

  stop(): void {
    this.#server.kill("SIGKILL");
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

export class Outcome {
  readonly messages: Message[];
  constructor(messages: Message[]) {
    this.messages = messages;
  }
  #all(type: string): Message[] {
    return this.messages.filter((message) => message.type === type);
  }
  get stdout(): string {
    return this.#all("stdout")
      .map(({ text }) => text)
      .join("");
  }
  get stderr(): string {
    return this.#all("stderr")
      .map(({ text }) => text)
      .join("");
  }
  /** Of the last expression. */
  get text(): unknown {
    return this.#all("result").find((result) => result["is_main_result"] === true)?.["text"];
  }
  get results(): Message[] {
    return this.#all("result");
  }
  get error(): Message | undefined {
    return this.#all("error")[0];
  }
  get end(): Message | undefined {
    return this.#all("end_of_execution")[0];
  }
  get refused(): Message | undefined {
    return this.#all("refused")[0];
  }
}

function attempt<T>(action: () => T): T | undefined {
  try {
    return action();
  } catch {
    return undefined;
  }
}
