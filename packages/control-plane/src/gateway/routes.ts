import type { Readable } from "node:stream";
import type { WebSocket } from "ws";
import type { Handlers } from "../calls/call.ts";
import { CloseCode, bufferOf, keepAlive } from "../calls/sockets.ts";
import { onSandbox } from "../sandboxes/entry.ts";
import type { SandboxParts } from "../sandboxes/parts.ts";
import type { Gateway } from "./gateway.ts";
import { LINK_PATH } from "./link.ts";
import { setPort, unsetPort } from "./port-labels.ts";
import { listPorts } from "./ports.ts";
import { signPreview } from "./preview-tokens.ts";
import type { GatewaySettings } from "./settings.ts";

type Operations = "listPorts" | "addPort" | "removePort" | "createPreviewToken" | "connectPort";

const DEFAULT_LABEL = "service";
const DEFAULT_TTL_SECONDS = 3600;

export function gatewayHandlers(
  parts: SandboxParts,
  gateway: Gateway,
  settings: GatewaySettings,
): Pick<Handlers, Operations> {
  /** The API as its caller reaches it, and a preview's host beside it. */
  const base = (host: string) => settings.publicUrl?.origin ?? `${gateway.isSecure ? "https" : "http"}://${host}`;
  const previewUrl = (host: string, id: string, port: number) => {
    const url = new URL(base(host));
    url.hostname = `${port}-${id}.${settings.suffixes[0]}`;
    return url.origin;
  };
  return {
    listPorts: onSandbox(parts, "listPorts", async ({ host }, row) => ({
      status: 200,
      body: await listPorts(parts, row, (port) => previewUrl(host, row.id, port)),
    })),

    addPort: onSandbox(parts, "addPort", async ({ host, body }, row) => {
      const { port } = body;
      const changed = await setPort(parts.db, row, {
        port,
        label: body.label ?? DEFAULT_LABEL,
        isPublic: body.public ?? false,
      });
      gateway.doorkeeper.learn(changed);
      const ports = await listPorts(parts, changed, (one) => previewUrl(host, row.id, one));
      return { status: 201, body: ports.find((one) => one.port === port)! };
    }),

    removePort: onSandbox(parts, "removePort", async ({ params }, row) => {
      gateway.doorkeeper.learn(await unsetPort(parts.db, row, params.port));
      return { status: 204 };
    }),

    createPreviewToken: onSandbox(parts, "createPreviewToken", async ({ host, body }, row) => {
      const expires = Math.floor(Date.now() / 1000) + (body.ttl_seconds ?? DEFAULT_TTL_SECONDS);
      const { port } = body;
      const paths = body.paths ?? [];
      const preview = { sandboxId: row.id, port, workspace: row.workspace, paths, expires };
      const token = signPreview(preview, gateway.secret.value);
      return {
        status: 200,
        body: {
          url: `${base(host)}/v1/p/${token}${paths[0] ?? "/"}`,
          host_url: `${previewUrl(host, row.id, port)}${LINK_PATH}${token}${paths[0] ?? "/"}`,
          token,
          sandbox_id: row.id,
          port,
          paths,
          expires_at: new Date(expires * 1000).toISOString(),
        },
      };
    }),

    connectPort: onSandbox(parts, "connectPort", async ({ params }, row) => {
      const tunnel = await parts.host.openTunnel(row.id, params.port);
      tunnel.pause();
      return { status: 101, connect: (socket) => carry(socket, tunnel) };
    }),
  };
}

/** Bytes both ways; each side waits for the other. */
function carry(socket: WebSocket, tunnel: Readable & NodeJS.WritableStream): void {
  keepAlive(socket);
  socket.on("message", (data) => {
    if (tunnel.write(bufferOf(data))) return;
    socket.pause();
    tunnel.once("drain", () => socket.resume());
  });
  tunnel.on("data", (chunk: Buffer) => {
    tunnel.pause();
    socket.send(chunk, { binary: true, compress: false }, () => tunnel.resume());
  });
  tunnel.once("end", () => socket.close(CloseCode.normal));
  tunnel.once("error", () => socket.close(CloseCode.internal));
  tunnel.once("close", () => socket.close(CloseCode.internal));
  socket.once("close", () => tunnel.destroy());
  socket.on("error", () => tunnel.destroy());
  tunnel.resume();
}
