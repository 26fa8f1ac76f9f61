import { Readable } from "node:stream";
import type { FastifyInstance } from "fastify";
import { ExecFrameKind, ExecRequest, encodeExecFrame } from "@pandastack/contracts/host";
import { toErrorResponse } from "@pandastack/platform";
import type { GuestProcess } from "../guest/guest.ts";
import type { SandboxHost } from "../sandboxes/host.ts";
import { CommandSteps } from "./traces.ts";

/** One-way commands: request in, frames out, at the pace of whoever reads them. */
export const execRoutes = (host: SandboxHost) => (app: FastifyInstance, _options: unknown, done: () => void) => {
  app.post<{ Params: { id: string }; Querystring: { kill?: string } }>(
    "/v1/sandboxes/:id/exec",
    async (request, reply) => {
      const guest = await host.guest(request.params.id);
      const steps = new CommandSteps(request.span);
      const process = guest.exec(ExecRequest.parse(request.body));
      void reply.type("application/x-pandastack-frames");
      return reply.send(Readable.from(frames(process, steps, request.query.kill === "1"), { objectMode: false }));
    },
  );
  done();
};

async function* frames(process: GuestProcess, steps: CommandSteps, killWhenCut: boolean): AsyncGenerator<Uint8Array> {
  let isFinished = false;
  try {
    for await (const event of process) {
      switch (event.kind) {
        case "stdout":
        case "stderr":
          yield encodeExecFrame(ExecFrameKind[event.kind], event.data);
          break;
        case "started":
          steps.started(event.pid);
          yield json(ExecFrameKind.event, { event: "started", id: event.id, pid: event.pid });
          break;
        case "replay":
          break;
        case "result":
          isFinished = true;
          steps.finished(event.result);
          yield json(ExecFrameKind.result, event.result);
          break;
        case "detached":
          isFinished = true;
          yield json(ExecFrameKind.result, { id: event.id, pid: event.pid });
          break;
      }
    }
  } catch (error) {
    isFinished = true;
    const { body } = toErrorResponse(error);
    yield json(ExecFrameKind.error, { error: body.error, code: body.code });
  } finally {
    if (!isFinished) process.release({ kill: killWhenCut });
  }
}

const json = (kind: ExecFrameKind, value: unknown): Uint8Array =>
  encodeExecFrame(kind, Buffer.from(JSON.stringify(value)));
