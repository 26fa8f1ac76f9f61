import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { Fault } from "@pandastack/platform";

interface Pending {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** Most bytes of one QMP message: longer ones mean that it is no QMP. */
const MAX_LINE_BYTES = 4 * 1024 * 1024;
const CONNECT_RETRY_MS = 1;

/** QEMU answered with an error. `class` is QMP's own word. */
export class QmpError extends Error {
  override readonly name = "QmpError";
}

/** It closes its control socket with its end and never before: the world's fault, and soon known to all. */
export const vmmEnded = (cause?: unknown): Fault =>
  new Fault("sandbox.guest_unreachable", "the sandbox's process has ended", { cause });

/** QEMU's machine protocol: one JSON document a line, answers in the order of the commands, events in between. */
export class Qmp {
  readonly #socket: Socket;
  readonly #pending: Pending[] = [];
  #text = "";
  readonly closed: Promise<void>;
  /** Told of what the VMM says by itself. */
  onEvent: ((event: string, data: Readonly<Record<string, unknown>>) => void) | undefined;
  #isClosed = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding("utf8");
    socket.on("data", (chunk: string) => this.#receive(chunk));
    this.closed = new Promise((resolve) => {
      socket.on("error", () => {});
      socket.on("close", () => {
        this.#isClosed = true;
        for (const pending of this.#pending.splice(0)) pending.reject(vmmEnded());
        resolve();
      });
    });
  }

  /** Waits for the socket to be there: the VMM makes it while it starts. `isDead` cuts the wait short. */
  static async connect(path: string, options: { timeoutMs: number; isDead: () => boolean }): Promise<Qmp> {
    const qmp = new Qmp(await connectWhenThere(path, options));
    await qmp.command("qmp_capabilities");
    return qmp;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  async command(execute: string, args?: Record<string, unknown>): Promise<unknown> {
    if (this.#isClosed) throw vmmEnded();
    return new Promise((resolve, reject) => {
      this.#pending.push({ resolve, reject });
      this.#socket.write(`${JSON.stringify(args ? { execute, arguments: args } : { execute })}\n`);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(chunk: string): void {
    this.#text += chunk;
    if (this.#text.length > MAX_LINE_BYTES) this.#socket.destroy();
    for (let at = this.#text.indexOf("\n"); at >= 0; at = this.#text.indexOf("\n")) {
      const line = this.#text.slice(0, at);
      this.#text = this.#text.slice(at + 1);
      let message: { return?: unknown; error?: { desc: string }; event?: string; data?: Record<string, unknown> };
      try {
        message = JSON.parse(line);
      } catch {
        // The VMM is not trusted once its guest broke out: a peer that does not speak QMP is hung up on.
        this.#socket.destroy();
        return;
      }
      if (message.error) this.#pending.shift()?.reject(new QmpError(message.error.desc));
      else if ("return" in message) this.#pending.shift()?.resolve(message.return);
      else if (typeof message.event === "string") this.onEvent?.(message.event, message.data ?? {});
    }
  }
}

export async function connectWhenThere(
  path: string,
  options: { timeoutMs: number; isDead: () => boolean },
): Promise<Socket> {
  const end = performance.now() + options.timeoutMs;
  for (;;) {
    try {
      return await connectOnce(path);
    } catch (error) {
      if (options.isDead()) throw new Error("the VMM ended while it started", { cause: error });
      if (performance.now() > end)
        throw new Error(`no socket at ${path} within ${options.timeoutMs} ms`, { cause: error });
      await delay(CONNECT_RETRY_MS);
    }
  }
}

function connectOnce(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.off("error", reject);
      resolve(socket);
    });
    socket.once("error", reject);
  });
}
