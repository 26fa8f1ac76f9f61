import type { Socket } from "node:net";
import { z } from "zod";
import type { ErrorCode } from "@pandastack/contracts";
import { Fault, Refusal } from "@pandastack/platform";
import type { SandboxParts } from "../sandboxes/parts.ts";
import { findInterpreter, startInterpreter, type Interpreter } from "./locate.ts";

/** A line of the interpreter, as it came and understood as far as everybody has to. */
export interface Line {
  readonly text: string;
  readonly message: { readonly type: string; readonly [key: string]: unknown };
}

export type InterpreterRequest = { readonly op: string; readonly [key: string]: unknown };

/** Interpreters whose address is remembered, so that a cell costs one connection and no look-up. */
const REMEMBERED_LIMIT = 10_000;
/** One line: a picture, a table. Beyond it somebody inside means no good. */
const LINE_LIMIT_BYTES = 256 * 1024 * 1024;

const Message = z.looseObject({ type: z.string() });
const Refused = z.object({ type: z.literal("refused"), code: z.string(), message: z.string() });

const refusalCodes: Record<string, ErrorCode> = {
  context_not_found: "code.context_not_found",
  context_busy: "code.context_busy",
  too_many_contexts: "code.too_many_contexts",
  language_unavailable: "code.language_unavailable",
  kernel_failed: "code.kernel_failed",
  user_not_found: "guest.user_not_found",
  cwd_not_found: "guest.cwd_not_found",
  unknown_language: "validation.failed",
  bad_request: "validation.failed",
};

/** The interpreters of all sandboxes, reached over their guest channels. Each is started by the first who asks it something. */
export class Interpreters {
  readonly #host: SandboxParts["host"];
  readonly #known = new Map<string, Interpreter>();

  constructor(host: SandboxParts["host"]) {
    this.#host = host;
  }

  /** What it answers, line by line. Ending the iteration, or `signal`, ends the connection, which interrupts what it does. */
  async *ask(sandboxId: string, request: InterpreterRequest, signal: AbortSignal): AsyncGenerator<Line> {
    const { socket, interpreter, isFirst } = await this.#connect(sandboxId, signal);
    const stop = () => socket.destroy();
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    try {
      const first = isFirst ? { base_env: interpreter.env } : {};
      socket.write(`${JSON.stringify({ token: interpreter.token, ...first, ...request })}\n`);
      for await (const text of linesOf(socket)) {
        const message = Message.parse(JSON.parse(text));
        if (message.type === "refused") throw refusalOf(message);
        if (message.type === "end") return;
        yield { text, message };
      }
    } catch (error) {
      if (error instanceof Refusal) throw error;
      throw lost(error);
    } finally {
      signal.removeEventListener("abort", stop);
      socket.destroy();
    }
    // It is another one now, or none.
    this.#known.delete(sandboxId);
    throw lost();
  }

  /** What it knows; undefined where none was started, which only looking does not change. */
  async look(
    sandboxId: string,
    request: InterpreterRequest,
    signal: AbortSignal,
  ): Promise<Line["message"] | undefined> {
    if (!this.#known.has(sandboxId) && (await findInterpreter(this.#host.guest(sandboxId), signal)) === undefined)
      return undefined;
    return this.answer(sandboxId, request, signal);
  }

  /** The one answer of what is not a stream. */
  async answer(sandboxId: string, request: InterpreterRequest, signal: AbortSignal): Promise<Line["message"]> {
    for await (const { message } of this.ask(sandboxId, request, signal)) return message;
    throw lost();
  }

  async #connect(
    sandboxId: string,
    signal: AbortSignal,
  ): Promise<{ socket: Socket; interpreter: Interpreter; isFirst: boolean }> {
    const known = this.#known.get(sandboxId);
    if (known !== undefined) {
      const socket = await this.#open(sandboxId, known);
      if (socket !== undefined) return { socket, interpreter: known, isFirst: false };
    }
    const guest = this.#host.guest(sandboxId);
    const found = await findInterpreter(guest, signal);
    const foundSocket = found === undefined ? undefined : await this.#open(sandboxId, found);
    const interpreter = foundSocket === undefined ? await startInterpreter(guest, signal) : found!;
    const socket = foundSocket ?? (await this.#open(sandboxId, interpreter));
    if (socket === undefined)
      throw new Refusal("code.kernel_failed", "the code interpreter ended as soon as it was started; try again");
    if (this.#known.size >= REMEMBERED_LIMIT) this.#known.delete(this.#known.keys().next().value!);
    this.#known.set(sandboxId, interpreter);
    return { socket, interpreter, isFirst: true };
  }

  /** undefined where nothing listens any more. */
  async #open(sandboxId: string, { port }: Interpreter): Promise<Socket | undefined> {
    try {
      return await this.#host.openTunnel(sandboxId, port);
    } catch (error) {
      if (!(error instanceof Refusal) || error.code !== "port.connection_refused") throw error;
      return undefined;
    }
  }
}

async function* linesOf(socket: Socket): AsyncGenerator<string> {
  let pending: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of socket as AsyncIterable<Buffer>) {
    let rest = chunk;
    for (let end = rest.indexOf(0x0a); end >= 0; end = rest.indexOf(0x0a)) {
      yield Buffer.concat([...pending, rest.subarray(0, end)]).toString("utf8");
      pending = [];
      bytes = 0;
      rest = rest.subarray(end + 1);
    }
    if (rest.length > 0) pending.push(rest);
    bytes += rest.length;
    if (bytes > LINE_LIMIT_BYTES) throw new Error("a line of the code interpreter is too long");
  }
}

function refusalOf(message: unknown): Refusal {
  const refused = Refused.parse(message);
  return new Refusal(refusalCodes[refused.code] ?? "code.kernel_failed", refused.message);
}

const lost = (cause?: unknown) =>
  new Fault("sandbox.guest_unreachable", "the connection to the code was lost; the code was interrupted", { cause });
