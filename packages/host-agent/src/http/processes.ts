import type { FastifyInstance } from "fastify";
import type { WebSocket } from "ws";
import { z } from "zod";
import { ExecRequest } from "@pandastack/contracts/host";
import { toErrorResponse } from "@pandastack/platform";
import type { Guest, GuestProcess } from "../guest/guest.ts";
import type { SandboxHost } from "../sandboxes/host.ts";
import { CommandSteps } from "./traces.ts";
import { sendWithBackpressure } from "./websocket.ts";

const Signal = z.object({ id: z.string().optional(), pid: z.int().optional(), signal: z.string() });
const First = z.union([
  /** `keep`: whether the process goes on when this socket is lost; default true. Otherwise it is hung up. */
  z.object({ exec: ExecRequest, keep: z.boolean().optional() }),
  z.object({ attach: z.object({ id: z.string(), replay: z.boolean().optional() }) }),
]);
const Control = z.union([
  z.object({ signal: z.string() }),
  z.object({ resize: z.object({ rows: z.int().min(1).max(1000), cols: z.int().min(1).max(1000) }) }),
  z.object({ end_stdin: z.literal(true) }),
]);

/** Two-way commands: terminals, commands with input, re-attachment. */
export const processRoutes = (host: SandboxHost) => (app: FastifyInstance, _options: unknown, done: () => void) => {
  app.get<{ Params: { id: string } }>("/v1/sandboxes/:id/processes", async (request) => ({
    processes: await (await host.guest(request.params.id)).processes(),
  }));
  app.post<{ Params: { id: string } }>("/v1/sandboxes/:id/processes/signal", async (request) => {
    const { id, pid, signal } = Signal.parse(request.body);
    const guest = await host.guest(request.params.id);
    await guest.signal({ ...(id === undefined ? {} : { id }), ...(pid === undefined ? {} : { pid }), signal });
    return {};
  });
  app.get<{ Params: { id: string } }>("/v1/sandboxes/:id/process", { websocket: true }, (socket, request) => {
    void serve(socket, new CommandSteps(request.span), () => host.guest(request.params.id));
  });
  done();
};

async function serve(socket: WebSocket, steps: CommandSteps, openGuest: () => Promise<Guest>): Promise<void> {
  const session = new ProcessSession(socket, steps);
  try {
    await session.run(openGuest);
  } catch (error) {
    const { body } = toErrorResponse(error instanceof z.ZodError ? new Error(error.message) : error);
    socket.send(JSON.stringify({ error: body.error, code: body.code }));
  } finally {
    socket.close(1000);
  }
}

class ProcessSession {
  readonly #socket: WebSocket;
  readonly #steps: CommandSteps;
  #process: GuestProcess | undefined;
  #stdin: Promise<void> = Promise.resolve();
  readonly #early: { data: Buffer; isBinary: boolean }[] = [];
  readonly #first: Promise<string>;
  #isFinished = false;
  #isLost = false;
  #keep = true;

  constructor(socket: WebSocket, steps: CommandSteps) {
    this.#socket = socket;
    this.#steps = steps;
    this.#first = new Promise((resolve, reject) => {
      let isFirst = true;
      socket.on("message", (data: Buffer, isBinary: boolean) => {
        if (isFirst) {
          isFirst = false;
          resolve(data.toString());
        } else if (this.#process) this.#incoming(data, isBinary);
        else this.#early.push({ data, isBinary });
      });
      socket.on("close", () => {
        reject(new Error("closed before it said what to run"));
        this.#isLost = true;
        this.#abandon();
      });
      socket.on("error", () => {});
    });
  }

  async run(openGuest: () => Promise<Guest>): Promise<void> {
    const first = First.parse(JSON.parse(await this.#first));
    const guest = await openGuest();
    if ("exec" in first) this.#keep = first.keep ?? true;
    const process =
      "exec" in first
        ? guest.exec(first.exec)
        : guest.attach({ id: first.attach.id, replay: first.attach.replay ?? true });
    this.#process = process;
    if (this.#isLost) return this.#abandon();
    for (const { data, isBinary } of this.#early.splice(0)) this.#incoming(data, isBinary);
    for await (const event of process) {
      if (event.kind === "stdout" || event.kind === "stderr") {
        const channel = Buffer.of(event.kind === "stdout" ? 1 : 2);
        await sendWithBackpressure(this.#socket, Buffer.concat([channel, event.data]));
      } else if (event.kind === "result") {
        this.#isFinished = true;
        this.#steps.finished(event.result);
        this.#socket.send(JSON.stringify({ result: event.result }));
      } else if (event.kind === "started") {
        this.#steps.started(event.pid);
        this.#socket.send(JSON.stringify({ event: "started", id: event.id, pid: event.pid }));
      } else if (event.kind === "replay") {
        this.#socket.send(
          JSON.stringify({ event: "replay", stdout_bytes: event.stdoutBytes, stderr_bytes: event.stderrBytes }),
        );
      } else if (event.kind === "detached") {
        this.#isFinished = true;
        this.#socket.send(JSON.stringify({ event: "detached", id: event.id, pid: event.pid }));
      }
    }
  }

  /**
   * Nobody is there any more, for whatever reason: a client that was killed, a control plane that was. What is not to be kept
   * learns it as a shell in a closed window does.
   */
  #abandon(): void {
    if (this.#isFinished) return;
    if (!this.#keep) this.#process?.signal("SIGHUP");
    this.#process?.release({ kill: false });
  }

  #incoming(data: Buffer, isBinary: boolean): void {
    const process = this.#process!;
    if (isBinary) {
      // The socket stands still until the guest has taken the bytes.
      this.#socket.pause();
      this.#stdin = this.#stdin.then(() => process.writeStdin(data)).finally(() => this.#socket.resume());
      this.#stdin.catch(() => {});
      return;
    }
    const control = Control.safeParse(parseJson(data.toString()));
    if (!control.success) return;
    if ("signal" in control.data) process.signal(control.data.signal);
    else if ("resize" in control.data) process.resize(control.data.resize);
    else void this.#stdin.then(() => process.endStdin());
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
