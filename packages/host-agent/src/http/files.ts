import { Readable } from "node:stream";
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { FsOperation, GuestPath } from "@pandastack/contracts/host";
import type { SandboxHost } from "../sandboxes/host.ts";
import { promisedLength, withKnownLength } from "./known-length.ts";

const Flag = z.enum(["0", "1", "true", "false"]).transform((value) => value === "1" || value === "true");
const Read = z.object({
  path: GuestPath,
  offset: z.coerce.number().int().min(0).optional(),
  length: z.coerce.number().int().min(0).optional(),
});
const Write = z.object({
  path: GuestPath,
  user: z.string().max(64).optional(),
  mode: z.coerce.number().int().min(0).max(0o7777).optional(),
  append: Flag.optional(),
  offset: z.coerce.number().int().min(0).optional(),
});
const List = z.object({ path: GuestPath, depth: z.coerce.number().int().min(1).max(32).optional() });
const Watch = z.object({ path: GuestPath, recursive: Flag.optional() });

type Params = { Params: { id: string } };

/** Files: streamed both ways, no part of them held. */
export const fileRoutes = (host: SandboxHost) => (app: FastifyInstance, _options: unknown, done: () => void) => {
  app.get<Params>("/v1/sandboxes/:id/files", async (request, reply) => {
    const guest = await host.guest(request.params.id);
    const range = defined(Read.parse(request.query));
    const { entry, body } = await guest.readFile(range);
    void reply.type("application/octet-stream").header("x-pandastack-entry", encodeURIComponent(JSON.stringify(entry)));
    const content = await withKnownLength(body, promisedLength(entry, range));
    if (content.lengthBytes !== undefined) void reply.header("content-length", content.lengthBytes);
    return reply.send(content.body);
  });
  app.put<Params>("/v1/sandboxes/:id/files", async (request) => {
    const guest = await host.guest(request.params.id);
    return guest.writeFile(defined(Write.parse(request.query)), request.raw);
  });
  app.get<Params>("/v1/sandboxes/:id/files/list", async (request, reply) => {
    const guest = await host.guest(request.params.id);
    const entries = guest.listFiles(defined(List.parse(request.query)))[Symbol.asyncIterator]();
    // A folder that is not there is an answer with a status, not a broken stream.
    const first = await entries.next();
    void reply.type("application/x-ndjson");
    return reply.send(Readable.from(jsonLines(first, entries), { objectMode: false }));
  });
  app.post<Params>("/v1/sandboxes/:id/files/op", async (request) => {
    const operation = FsOperation.parse(request.body);
    return (await host.guest(request.params.id)).fs(operation);
  });
  app.get<Params>("/v1/sandboxes/:id/files/watch", async (request, reply) => {
    const guest = await host.guest(request.params.id);
    const abort = new AbortController();
    request.raw.socket.once("close", () => abort.abort());
    const events = guest
      .watch({ ...defined(Watch.parse(request.query)), signal: abort.signal })
      [Symbol.asyncIterator]();
    const first = await events.next();
    void reply.type("application/x-ndjson");
    return reply.send(Readable.from(jsonLines(first, events), { objectMode: false }));
  });
  done();
};

async function* jsonLines<T>(first: IteratorResult<T>, rest: AsyncIterator<T>): AsyncGenerator<string> {
  try {
    for (let next = first; !next.done; next = await rest.next()) yield `${JSON.stringify(next.value)}\n`;
  } finally {
    await rest.return?.();
  }
}

/** Without the keys that are undefined: what was not asked for is not passed on. */
type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };
function defined<T extends Record<string, unknown>>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as Defined<T>;
}
