import { request, type IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { HOST_API_PREFIX, TUNNEL_PROTOCOL } from "@pandastack/contracts/host";
import { Fault } from "@pandastack/platform";
import { contextHeaders } from "../calls/context.ts";
import { HOST_RETRY_WINDOW_MS } from "./connection.ts";
import { fromHostReply, isUnsent, toHostFailure } from "./failures.ts";

const RETRY_PAUSE_MS = 50;
/** A guest that does not take a connection for this long is not going to. */
const OPEN_TIMEOUT_MS = 15_000;
const ERROR_BODY_LIMIT_BYTES = 64 * 1024;

/** A TCP connection to a port inside a sandbox. Refusals are the host's: the port is refused, the sandbox does not run. */
export async function openTunnel(socketPath: string, sandboxId: string, port: number): Promise<Socket> {
  const end = performance.now() + HOST_RETRY_WINDOW_MS;
  for (;;) {
    try {
      return await open(socketPath, `${HOST_API_PREFIX}/sandboxes/${sandboxId}/tcp/${port}`);
    } catch (error) {
      // A host agent that is being restarted is back in a moment.
      if (!isUnsent(error) || performance.now() > end) throw toHostFailure(error);
      await delay(RETRY_PAUSE_MS);
    }
  }
}

function open(socketPath: string, path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const opening = request({
      socketPath,
      path,
      agent: false,
      headers: { connection: "upgrade", upgrade: TUNNEL_PROTOCOL, ...contextHeaders() },
    });
    opening.setTimeout(OPEN_TIMEOUT_MS, () =>
      opening.destroy(new Fault("sandbox.guest_unreachable", "the sandbox did not take the connection in time")),
    );
    opening.once("upgrade", (_reply, socket: Socket, head: Buffer) => {
      socket.setTimeout(0);
      if (head.length > 0) socket.unshift(head);
      resolve(socket);
    });
    opening.once("response", (reply) => {
      readText(reply).then(
        (text) => reject(fromHostReply(reply.statusCode ?? 500, text, reply.headers["retry-after"])),
        reject,
      );
    });
    opening.once("error", reject);
    opening.end();
  });
}

async function readText(reply: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of reply as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= ERROR_BODY_LIMIT_BYTES) chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
