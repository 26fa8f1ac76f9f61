import type { FastifyInstance } from "fastify";
import type { WebSocket } from "ws";
import { toErrorResponse } from "@pandastack/platform";
import type { SandboxHost } from "../sandboxes/host.ts";
import { sendWithBackpressure } from "./websocket.ts";

/** A port inside, over the guest channel: works whatever the sandbox's own network policy is. */
export const tunnelRoutes = (host: SandboxHost) => (app: FastifyInstance, _options: unknown, done: () => void) => {
  app.get<{ Params: { id: string; port: string } }>(
    "/v1/sandboxes/:id/tcp/:port",
    { websocket: true },
    (socket, request) => {
      void serve(socket, host, request.params.id, Number(request.params.port));
    },
  );
  done();
};

async function serve(socket: WebSocket, host: SandboxHost, id: string, port: number): Promise<void> {
  socket.pause();
  socket.on("error", () => {});
  try {
    const tunnel = await (await host.guest(id)).connectTcp(port);
    socket.on("message", (data: Buffer) => {
      if (tunnel.write(data)) return;
      socket.pause();
      tunnel.once("drain", () => socket.resume());
    });
    socket.on("close", () => tunnel.destroy());
    tunnel.on("error", () => socket.close(1011));
    socket.resume();
    for await (const chunk of tunnel) await sendWithBackpressure(socket, chunk as Buffer);
    socket.close(1000);
  } catch (error) {
    const { body } = toErrorResponse(error);
    socket.close(1011, body.error.slice(0, 120));
  }
}
