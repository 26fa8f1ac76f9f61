import { Readable } from "node:stream";
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import type { SandboxHost } from "../sandboxes/host.ts";

const Query = z.object({ follow: z.enum(["0", "1"]).default("0") });

/** A guest's console: as it is, or as it goes on. */
export const logRoutes = (host: SandboxHost) => (app: FastifyInstance, _options: unknown, done: () => void) => {
  app.get<{ Params: { id: string } }>("/v1/sandboxes/:id/logs", async (request, reply) => {
    const { id } = request.params;
    if (Query.parse(request.query).follow === "0")
      return reply.type("text/plain; charset=utf-8").send(await host.consoleLog(id));
    const abort = new AbortController();
    reply.raw.once("close", () => abort.abort());
    const pieces = host.followConsole(id, abort.signal);
    return reply.type("application/x-ndjson").send(Readable.from(lines(pieces), { objectMode: false }));
  });
  done();
};

async function* lines(pieces: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const text of pieces) yield `${JSON.stringify({ text })}\n`;
}
