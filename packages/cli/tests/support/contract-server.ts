import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { text as readAll } from "node:stream/consumers";
import { type Operation, type OperationName, operationNames, operations } from "@pandastack/contracts";
import { z } from "zod";
import { sampleOf } from "./sample.ts";

export interface ContractServer {
  readonly url: string;
  /** Operations that were asked for since the last look. */
  take(): OperationName[];
  close(): void;
}

/** Answers every operation of the contract with a reply of its shape, where what it was asked fits, and remembers which it was. */
export async function startContractServer(): Promise<ContractServer> {
  let seen: OperationName[] = [];
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    const { pathname, searchParams } = new URL(request.url ?? "", "http://x");
    const name = operationOf(request.method ?? "", pathname);
    const body = await readAll(request);
    if (name === undefined) return sendJson(response, 404, { error: "not in the contract", code: "route.not_found" });
    seen.push(name);
    const problem = problemOf(operations[name], Object.fromEntries(searchParams), body);
    if (problem !== undefined) return sendJson(response, 400, { error: problem, code: "validation.failed" });
    reply(response, operations[name]);
  };
  const server = createServer((request, response) => void answer(request, response));
  server.on("upgrade", (request: IncomingMessage, socket) => {
    const name = operationOf("GET", new URL(request.url ?? "", "http://x").pathname);
    if (name !== undefined) seen.push(name);
    // Who connects learns that there is nothing behind it.
    socket.end("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no address");
  return {
    url: `http://127.0.0.1:${address.port}`,
    take: () => {
      const taken = seen;
      seen = [];
      return taken;
    },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

function problemOf(operation: Operation, query: Record<string, string>, body: string): string | undefined {
  const checked = [operation.query.safeParse(query)];
  if (operation.body instanceof z.ZodType)
    checked.push(operation.body.safeParse(body === "" ? undefined : JSON.parse(body)) as (typeof checked)[number]);
  return checked.find(({ success }) => !success)?.error?.message;
}

/** The one with the fewest parameters: `/v1/templates/builds` is none named `builds`. */
function operationOf(method: string, path: string): OperationName | undefined {
  const parameters = (name: OperationName) => operations[name].path.split("{").length;
  return operationNames
    .filter((name) => operations[name].method === method && patternOf(operations[name].path).test(path))
    .toSorted((one, other) => parameters(one) - parameters(other))[0];
}

const patternOf = (path: string): RegExp => new RegExp(`^${path.replaceAll(/\{\w+\}/g, "[^/]+")}$`);

function reply(response: ServerResponse, operation: Operation): void {
  const [status = "200", body] = Object.entries(operation.replies)[0] ?? [];
  if (body?.kind === "json") return sendJson(response, Number(status), sampleOf(body.schema));
  if (body?.kind !== "stream") return void response.writeHead(Number(status)).end();
  response.writeHead(Number(status), { "content-type": body.mediaTypes[0] });
  // As it is said of each: what a stream ends with.
  if (body.mediaTypes[0] === "application/x-ndjson")
    return void response.end('{"type":"end_of_execution","exit_code":0,"timed_out":false,"duration_ms":1}\n');
  response.end(body.mediaTypes[0] === "text/event-stream" ? 'event: exit\ndata: {"exit_code":0}\n\n' : "");
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
}
