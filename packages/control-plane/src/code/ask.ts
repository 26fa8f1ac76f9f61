import { randomUUID } from "node:crypto";
import type { Socket } from "node:net";
import { z } from "zod";
import type { ErrorCode } from "@pandastack/contracts";
import { Fault, Refusal } from "@pandastack/platform";
import type { SandboxParts } from "../sandboxes/parts.ts";
import { IdleConnections } from "./idle-connections.ts";
import { findInterpreter, startInterpreter, type Interpreter } from "./locate.ts";

/** A line of the interpreter, as it came and understood as far as everybody has to. */
export interface Line {
  readonly text: string;
  readonly message: { readonly type: string; readonly [key: string]: unknown };
}

export type InterpreterRequest = { readonly op: string; readonly [key: string]: unknown };

/** Interpreters whose address is remembered, so that a cell costs one connection at most, and no look-up. */
const REMEMBERED_LIMIT = 10_000;
/** One line: a picture, a table. Beyond it somebody inside means no good. */
const LINE_LIMIT_BYTES = 256 * 1024 * 1024;

const Message = z.looseObject({ type: z.string() });
const End = z.object({ open: z.boolean().default(false) });
const Refused = z.object({ type: z.literal("refused"), code: z.string(), message: z.string() });

interface Link {
  readonly sandboxId: string;
  readonly socket: Socket;
  readonly interpreter: Interpreter;
  /** The first of this server to this interpreter, which is told what the sandbox was given. */
  readonly isFirst: boolean;
}

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
  readonly #idle = new IdleConnections();

  constructor(host: SandboxParts["host"]) {
    this.#host = host;
  }

  /** What it answers, line by line. Ending the iteration, or `signal`, ends the connection, which interrupts what it does. */
  async *ask(sandboxId: string, request: InterpreterRequest, signal: AbortSignal): AsyncGenerator<Line> {
    // By its id the interpreter knows a request that reached it over a connection which broke then: nothing is done twice.
    const identified = { ...request, id: randomUUID(), keep: true };
    const known = this.#known.get(sandboxId);
    const kept = known === undefined ? undefined : this.#idle.take(sandboxId);
    if (known !== undefined && kept !== undefined) {
      const link = { sandboxId, socket: kept, interpreter: known, isFirst: false };
      if (yield* this.#askOver(link, identified, signal)) return;
    }
    if (yield* this.#askOver(await this.#connect(sandboxId, signal), identified, signal)) return;
    // It is another one now, or none.
    this.#known.delete(sandboxId);
    throw lost();
  }

  /** Answers whether anything was heard. */
  async *#askOver(link: Link, request: InterpreterRequest, signal: AbortSignal): AsyncGenerator<Line, boolean> {
    const { sandboxId, socket, interpreter, isFirst } = link;
    const stop = () => socket.destroy();
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    let isHeard = false;
    let staysOpen = false;
    try {
      const first = isFirst ? interpreter.told : {};
      socket.write(`${JSON.stringify({ token: interpreter.token, ...first, ...request })}\n`);
      for await (const text of linesOf(socket)) {
        isHeard = true;
        const message = Message.parse(JSON.parse(text));
        if (message.type === "refused") throw refusalOf(message);
        if (message.type === "end") {
          staysOpen = End.parse(message).open;
          return true;
        }
        yield { text, message };
      }
    } catch (error) {
      if (error instanceof Refusal || error instanceof Fault) throw error;
      if (isHeard || signal.aborted) throw lost(error);
    } finally {
      signal.removeEventListener("abort", stop);
      if (staysOpen && !signal.aborted) this.#idle.keep(sandboxId, socket);
      else socket.destroy();
    }
    if (isHeard) this.#known.delete(sandboxId);
    if (isHeard || signal.aborted) throw lost();
    return false;
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
    let first: Line["message"] | undefined;
    for await (const { message } of this.ask(sandboxId, request, signal)) first ??= message;
    if (first === undefined) throw lost();
    return first;
  }

  async #connect(sandboxId: string, signal: AbortSignal): Promise<Link> {
    const known = this.#known.get(sandboxId);
    if (known !== undefined) {
      const socket = await this.#open(sandboxId, known);
      if (socket !== undefined) return { sandboxId, socket, interpreter: known, isFirst: false };
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
    return { sandboxId, socket, interpreter, isFirst: true };
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
  for await (const chunk of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
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

function refusalOf(message: unknown): Refusal | Fault {
  const refused = Refused.parse(message);
  if (refused.code === "asked_before") return lost();
  return new Refusal(refusalCodes[refused.code] ?? "code.kernel_failed", refused.message);
}

const lost = (cause?: unknown) =>
  new Fault("sandbox.guest_unreachable", "the connection to the code was lost; the code was interrupted", { cause });
