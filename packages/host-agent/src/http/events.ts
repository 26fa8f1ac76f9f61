import { Readable } from "node:stream";
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import type { HostEvent } from "@pandastack/contracts/host";
import type { SandboxHost } from "../sandboxes/host.ts";

const Query = z.object({ after: z.coerce.number().int().min(0).default(0), follow: z.coerce.boolean().default(false) });
/** A reader that is this far behind is cut off; it asks again from where it was. */
const MAX_WAITING_EVENTS = 10_000;

export const eventRoutes = (host: SandboxHost) => (app: FastifyInstance, _options: unknown, done: () => void) => {
  app.get("/v1/events", (request, reply) => {
    const { after, follow } = Query.parse(request.query);
    void reply.type("application/x-ndjson");
    return reply.send(Readable.from(lines(host, after, follow, request.raw.socket), { objectMode: false }));
  });
  done();
};

async function* lines(
  host: SandboxHost,
  after: number,
  follow: boolean,
  socket: NodeJS.EventEmitter,
): AsyncGenerator<string> {
  const waiting: HostEvent[] = [];
  let wake: (() => void) | undefined;
  let isOver = false;
  const stop = () => {
    isOver = true;
    wake?.();
  };
  const unsubscribe = host.onEvent((event) => {
    if (waiting.push(event) > MAX_WAITING_EVENTS) stop();
    wake?.();
  });
  socket.once("close", stop);
  try {
    let last = after;
    for (let page = host.events(last); page.length > 0; page = host.events(last)) {
      for (const event of page) yield `${JSON.stringify(event)}\n`;
      last = page.at(-1)!.seq;
    }
    while (follow && !isOver) {
      for (let event = waiting.shift(); event; event = waiting.shift()) {
        if (event.seq <= last) continue;
        last = event.seq;
        yield `${JSON.stringify(event)}\n`;
      }
      if (!isOver) await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    unsubscribe();
    socket.off("close", stop);
  }
}
