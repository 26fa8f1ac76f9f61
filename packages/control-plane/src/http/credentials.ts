import type { FastifyRequest } from "fastify";

const BEARER = /^Bearer +(\S+)$/i;
const PROTOCOL_PREFIX = "bearer.";

/**
 * The token, from wherever a client can put it: the header; the query, for WebSockets and EventSources in browsers, which
 * have no headers; or a WebSocket's subprotocol.
 */
export function tokenOf(request: FastifyRequest): string | undefined {
  const header = request.headers.authorization;
  if (header !== undefined) return BEARER.exec(header.trim())?.[1] ?? "";
  const query = (request.query as Record<string, unknown>)["access_token"];
  if (typeof query === "string") return query;
  return subprotocols(request.headers["sec-websocket-protocol"])
    .find((protocol) => protocol.startsWith(PROTOCOL_PREFIX))
    ?.slice(PROTOCOL_PREFIX.length);
}

function subprotocols(header: string | undefined): string[] {
  return (header ?? "")
    .split(",")
    .map((protocol) => protocol.trim())
    .filter((protocol) => protocol !== "");
}

/** The subprotocol to agree on: the first, but never the one that is a token. */
export function chooseSubprotocol(offered: Iterable<string>): string | false {
  for (const protocol of offered) if (!protocol.startsWith(PROTOCOL_PREFIX)) return protocol;
  return false;
}
