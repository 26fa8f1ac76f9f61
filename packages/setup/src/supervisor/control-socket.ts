import { chmodSync, rmSync } from "node:fs";
import { createServer, type Server, type ServerResponse } from "node:http";
import { join } from "node:path";

/** Where the supervisor of a server takes orders. Root's alone. */
export const controlSocket = (runDir: string): string => join(runDir, "supervisor.sock");

export type Tell = (line: { step: string } & Record<string, unknown>) => void;

/** `POST /v1/upgrade`: answers one JSON document a line as it goes on; the last says `done` or `error`. */
export async function openControlSocket(path: string, upgrade: (tell: Tell) => Promise<void>): Promise<Server> {
  let isBusy = false;
  const server = createServer((request, response) => {
    if (request.method !== "POST" || request.url !== "/v1/upgrade") return end(response, 404, "no such order");
    if (isBusy) return end(response, 409, "an upgrade is under way");
    isBusy = true;
    response.writeHead(200, { "content-type": "application/x-ndjson" });
    const write = (line: object) => void response.write(`${JSON.stringify(line)}\n`);
    // Whoever asked may go away: it is finished all the same.
    upgrade(write)
      .then(() => write({ done: true }))
      .catch((error: unknown) => write({ error: error instanceof Error ? error.message : String(error) }))
      .finally(() => {
        isBusy = false;
        response.end();
      });
  });
  rmSync(path, { force: true });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, resolve);
  });
  chmodSync(path, 0o600);
  server.unref();
  return server;
}

function end(response: ServerResponse, status: number, error: string): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(`${JSON.stringify({ error })}\n`);
}
