import { EventEmitter } from "node:events";
import { createServer, type RequestListener, type Server, type ServerOptions } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { Gateway } from "./gateway.ts";
import type { GatewaySettings } from "./settings.ts";

/** A head that is not complete by then is not meant to be (slow loris). Connections that say nothing at all count as well. */
const HEAD_TIMEOUT_MS = 15_000;
/** How often such connections are looked for. */
const HEAD_CHECK_MS = 2000;
/** A request's line and headers together; more is 431. */
export const REQUEST_HEAD_LIMIT_BYTES = 16 * 1024;
const KEEP_ALIVE_MS = 72_000;

/** The public port: requests for sandboxes go one way, those for the API the other. */
export interface Front {
  readonly server: Server;
  /** Gets `upgrade` events of the API's own WebSockets. */
  readonly apiUpgrades: EventEmitter;
}

export function makeFront(settings: GatewaySettings, gateway: Gateway, api: RequestListener): Front {
  const options: ServerOptions = {
    // Bodies last as long as they last.
    requestTimeout: 0,
    headersTimeout: HEAD_TIMEOUT_MS,
    connectionsCheckingInterval: HEAD_CHECK_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    maxHeaderSize: REQUEST_HEAD_LIMIT_BYTES,
  };
  const { tls } = settings;
  const server = tls === undefined ? createServer(options) : createTlsServer({ ...options, ...tls });
  const apiUpgrades = new EventEmitter();
  server.on("request", (request, response) => {
    if (!gateway.take(request, response, false)) api(request, response);
  });
  server.on("checkContinue", (request, response) => {
    if (gateway.take(request, response, true)) return;
    response.writeContinue();
    api(request, response);
  });
  server.on("upgrade", (request, socket, head) => {
    if (!gateway.takeUpgrade(request, socket, head)) apiUpgrades.emit("upgrade", request, socket, head);
  });
  return { server, apiUpgrades };
}
