/**
 * The least that a proxy in Node can be: no authorisation, no checks, one pool of connections. It goes into the sandbox by the
 * same tunnel as the gateway, so what is compared is what the gateway adds. Says its port on stdout.
 */
import { Agent, createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { openTunnel } from "../../packages/control-plane/src/hosts/tunnel.ts";

const [socketPath = "", sandboxId = "", port = ""] = process.argv.slice(2);

class GuestAgent extends Agent {
  override createConnection(_options: unknown, callback?: (error: Error | null, socket: Duplex) => void): undefined {
    openTunnel(socketPath, sandboxId, Number(port)).then(
      (socket) => callback?.(null, socket),
      (error: unknown) => callback?.(error as Error, undefined as never),
    );
    return undefined;
  }
}

const agent = new GuestAgent({ keepAlive: true });
const server = createServer((incoming, response) => {
  const outgoing = request({ agent, method: incoming.method, path: incoming.url, headers: incoming.headers });
  outgoing.once("response", (reply) => {
    response.writeHead(reply.statusCode ?? 502, reply.headers);
    reply.pipe(response);
  });
  outgoing.once("error", () => response.destroy());
  incoming.pipe(outgoing);
});
server.listen(0, "127.0.0.1", () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`));
