import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { FastifyInstance, FastifyReply } from "fastify";
import { TUNNEL_PROTOCOL } from "@pandastack/contracts/host";
import { Refusal } from "@pandastack/platform";
import type { SandboxHost } from "../sandboxes/host.ts";

/**
 * A port inside, over the guest channel: works whatever the sandbox's own network policy is. The connection is upgraded and
 * then carries the bytes as they are, each direction with its own end: a WebSocket could not pass on that one side has
 * finished, and would cost a frame and a mask for every piece. What keeps it from opening is an ordinary answer.
 */
export const tunnelRoutes = (host: SandboxHost) => (app: FastifyInstance, _options: unknown, done: () => void) => {
  app.get<{ Params: { id: string; port: string } }>("/v1/sandboxes/:id/tcp/:port", async (request, reply) => {
    if (request.headers.upgrade?.toLowerCase() !== TUNNEL_PROTOCOL)
      throw new Refusal("validation.failed", `upgrade: this address speaks \`Upgrade: ${TUNNEL_PROTOCOL}\` only`);
    const { socket } = request.raw;
    const isGone = () => socket.destroyed;
    const tunnel = await (await host.guest(request.params.id)).connectTcp(Number(request.params.port));
    if (isGone()) tunnel.destroy();
    else upgrade(reply, socket, tunnel);
    return reply;
  });
  done();
};

function upgrade(reply: FastifyReply, socket: Socket, tunnel: Duplex): void {
  reply.hijack();
  reply.raw.detachSocket(socket);
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${TUNNEL_PROTOCOL}\r\n\r\n`);
  // `pipe` passes on the end of each direction; what breaks one side for good ends the other.
  tunnel.on("error", () => socket.destroy());
  socket.on("error", () => tunnel.destroy());
  tunnel.on("close", () => {
    if (!socket.writableEnded) socket.destroy();
  });
  socket.on("close", () => tunnel.destroy());
  tunnel.pipe(socket);
  socket.pipe(tunnel);
}
