import type { Readable } from "node:stream";
import type { WebSocket } from "ws";
import type { PreviewToken, PreviewTokenRequest } from "@pandastack/contracts";
import { Refusal } from "@pandastack/platform";
import { whenAborted } from "../calls/aborted.ts";
import type { Handlers } from "../calls/call.ts";
import { CloseCode, bufferOf } from "../calls/sockets.ts";
import type { SandboxRow } from "../persistence/tables.ts";
import { onSandbox } from "../sandboxes/entry.ts";
import type { SandboxParts } from "../sandboxes/parts.ts";
import type { Gateway } from "./gateway.ts";
import { LINK_PATH } from "./link.ts";
import { setPort, unsetPort } from "./port-labels.ts";
import { listPorts } from "./ports.ts";
import { revokeAll, revokeOne } from "./preview-revocations.ts";
import { readPreview, signPreview } from "./preview-tokens.ts";
import type { GatewaySettings } from "./settings.ts";

type Operations =
  | "listPorts"
  | "addPort"
  | "removePort"
  | "createPreviewToken"
  | "createPreview"
  | "revokePreviewTokens"
  | "connectPort";

const DEFAULT_LABEL = "service";
const DEFAULT_TTL_SECONDS = 3600;
const END_MESSAGE = JSON.stringify({ end: true });

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
  const makeLink = (host: string, row: SandboxRow, request: PreviewTokenRequest): PreviewToken => {
    const issuedMs = Date.now();
    const expires = Math.floor(issuedMs / 1000) + (request.ttl_seconds ?? DEFAULT_TTL_SECONDS);
    const { port } = request;
    const paths = request.paths ?? [];
    const preview = { sandboxId: row.id, port, workspace: row.workspace, paths, expires, issuedMs };
    const token = signPreview(preview, gateway.secret.value);
    return {
      url: `${base(host)}/v1/p/${token}${paths[0] ?? "/"}`,
      host_url: `${previewUrl(host, row.id, port)}${LINK_PATH}${token}${paths[0] ?? "/"}`,
      token,
      sandbox_id: row.id,
      port,
      paths,
      expires_at: new Date(expires * 1000).toISOString(),
    };
  };
  /** Of this sandbox: the links of others are none of its business. */
  const linkOf = (row: SandboxRow, token: string): { token: string; expires: number } => {
    const preview = readPreview(token, gateway.secret.value, 0);
    if (preview.sandboxId === row.id) return { token, expires: preview.expires };
    throw new Refusal("validation.failed", "token: a link of another sandbox", { details: { field: "token" } });
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

    createPreviewToken: onSandbox(parts, "createPreviewToken", async ({ host, body }, row) => ({
      status: 200,
      body: makeLink(host, row, body),
    })),

    createPreview: onSandbox(parts, "createPreview", async ({ host, body }, row) => ({
      status: 200,
      body: makeLink(host, row, body),
    })),

    revokePreviewTokens: onSandbox(parts, "revokePreviewTokens", async ({ query: { token } }, row) => {
      gateway.doorkeeper.learn(
        token === undefined ? await revokeAll(parts.db, row) : await revokeOne(parts.db, row, linkOf(row, token)),
      );
      return { status: 204 };
    }),

    connectPort: onSandbox(parts, "connectPort", async ({ params, signal }, row) => {
      const tunnel = await parts.host.openTunnel(row.id, params.port);
      tunnel.pause();
      const stay = whenAborted(signal, () => tunnel.destroy());
      return {
        status: 101,
        connect: (socket) => {
          stay();
          carry(socket, tunnel);
        },
      };
    }),
  };
}

/** Bytes both ways; each side waits for the other. */
function carry(socket: WebSocket, tunnel: Readable & NodeJS.WritableStream): void {
  socket.on("message", (data, isBinary) => {
    // The one thing to be said beside bytes: that there are no more, while answers may still come.
    if (!isBinary) return void (bufferOf(data).toString() === END_MESSAGE && tunnel.end());
    if (tunnel.write(bufferOf(data))) return;
    socket.pause();
    tunnel.once("drain", () => socket.resume());
  });
  tunnel.on("data", (chunk: Buffer) => {
    tunnel.pause();
    socket.send(chunk, { binary: true, compress: false }, () => tunnel.resume());
  });
  // A stream that is ending has no drain: what waits for one would never hear the other side's goodbye.
  tunnel.once("finish", () => socket.resume());
  tunnel.once("end", () => {
    socket.resume();
    socket.close(CloseCode.normal);
  });
  tunnel.once("error", () => socket.close(CloseCode.internal));
  tunnel.once("close", () => socket.close(CloseCode.internal));
  socket.once("close", () => tunnel.destroy());
  socket.on("error", () => tunnel.destroy());
  tunnel.resume();
}
