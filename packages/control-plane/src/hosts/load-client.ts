import { once } from "node:events";
import { createServer } from "node:http";
import { Readable } from "node:stream";
import { Client, request } from "undici";

let loaded: Promise<void> | undefined;

/**
 * Has undici load what it loads at its first connection, with a request that never leaves this process: later its files may
 * no longer be readable to it. The server listens on an abstract socket, which is no file and goes with the process.
 */
export function loadHttpClient(): Promise<void> {
  loaded ??= askOurselves();
  return loaded;
}

async function askOurselves(): Promise<void> {
  const socketPath = `\0pandastack-load-${process.pid}`;
  const server = createServer((_request, response) => response.end());
  server.listen(socketPath);
  await once(server, "listening");
  const client = new Client("http://load", { socketPath });
  const { body } = await request("http://load/", { method: "POST", body: Readable.from(["x"]), dispatcher: client });
  await body.dump();
  await client.close();
  server.close();
}
