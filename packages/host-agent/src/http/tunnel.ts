import { STATUS_CODES, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { HOST_API_PREFIX, TUNNEL_PROTOCOL } from "@pandastack/contracts/host";
import { beginSpan, toErrorResponse } from "@pandastack/platform";
import type { SandboxHost } from "../sandboxes/host.ts";

const PATH = new RegExp(`^${HOST_API_PREFIX}/sandboxes/([a-z0-9-]+)/tcp/(\\d{1,5})$`);

/**
 * A port inside, over the guest channel: works whatever the sandbox's own network policy is. The connection is upgraded and
 * then carries the bytes as they are, each direction with its own end: a WebSocket could not pass on that one side has
 * finished, and would cost a frame and a mask for every piece. What keeps it from opening is an ordinary answer.
 *
 * Takes the request if it is for a tunnel: the router in front of everything else knows upgrades to WebSockets only.
 */
export function takeTunnel(host: SandboxHost, request: IncomingMessage, socket: Duplex): boolean {
  if (request.headers.upgrade?.toLowerCase() !== TUNNEL_PROTOCOL) return false;
  socket.on("error", () => socket.destroy());
  const [, id = "", port = ""] = PATH.exec(request.url ?? "") ?? [];
  const span = beginConnect(request.headers["traceparent"]?.toString(), id, Number(port));
  openTunnel(host, id, Number(port)).then(
    (tunnel) => {
      span?.end();
      join(socket, tunnel);
    },
    (error: unknown) => {
      span?.end(error instanceof Error ? error.message : String(error));
      refuse(socket, error);
    },
  );
  return true;
}

/** Until the server inside has taken the connection: many requests may use it, and it outlives the one that it was opened for. */
function beginConnect(traceparent: string | undefined, id: string, port: number) {
  if (traceparent === undefined) return undefined;
  const attributes = { "pandastack.sandbox_id": id, "pandastack.port": port };
  return beginSpan("guest connect", { kind: "client", traceparent, attributes });
}

async function openTunnel(host: SandboxHost, id: string, port: number): Promise<Duplex> {
  return (await host.guest(id)).connectTcp(port);
}

function refuse(socket: Duplex, error: unknown): void {
  const { status, body } = toErrorResponse(error);
  const text = JSON.stringify(body);
  const headers = `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\nconnection: close`;
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n${headers}\r\n\r\n${text}`);
}

function join(socket: Duplex, tunnel: Duplex): void {
  // `pipe` passes on the end of each direction; what breaks one side for good ends the other.
  tunnel.on("error", () => socket.destroy());
  tunnel.on("close", () => {
    if (!socket.writableEnded) socket.destroy();
  });
  socket.on("close", () => tunnel.destroy());
  if (socket.destroyed) return void tunnel.destroy();
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${TUNNEL_PROTOCOL}\r\n\r\n`);
  tunnel.pipe(socket);
  socket.pipe(tunnel);
}
