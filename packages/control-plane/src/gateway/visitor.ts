import type { IncomingMessage } from "node:http";

/** An API token or a preview token, for requests whose `Authorization` belongs to the server inside. */
export const TOKEN_HEADER = "x-pandastack-token";
const BEARER = /^Bearer +(\S+)$/i;
const PROTOCOL_PREFIX = "bearer.";

/** Cookies of ours. Over TLS the name itself keeps other hosts of the domain from setting it. */
export const PREVIEW_COOKIE = "pandastack-preview";
export const SECURE_PREVIEW_COOKIE = `__Host-${PREVIEW_COOKIE}`;
export const isOwnCookie = (name: string): boolean => name === PREVIEW_COOKIE || name === SECURE_PREVIEW_COOKIE;

export const bearerOf = (header: string | undefined): string | undefined => BEARER.exec(header?.trim() ?? "")?.[1];

/** The token that browsers, which can set no headers, send as a WebSocket's subprotocol. */
export function protocolToken(header: string | undefined): string | undefined {
  return subprotocols(header)
    .find((protocol) => protocol.startsWith(PROTOCOL_PREFIX))
    ?.slice(PROTOCOL_PREFIX.length);
}

/** Subprotocols without the one that is a token; undefined when none is left. */
export function withoutProtocolToken(header: string): string | undefined {
  const kept = subprotocols(header).filter((protocol) => !protocol.startsWith(PROTOCOL_PREFIX));
  return kept.length === 0 ? undefined : kept.join(", ");
}

const subprotocols = (header: string | undefined): string[] =>
  (header ?? "")
    .split(",")
    .map((protocol) => protocol.trim())
    .filter((protocol) => protocol !== "");

/** Every value of our cookie: there may be several, and any of them may be the good one. */
export function previewCookies(header: string | undefined): string[] {
  return pairs(header)
    .filter(([name]) => isOwnCookie(name))
    .map(([, value]) => value);
}

/** A `Cookie` header without our own; undefined when nothing is left. */
export function withoutOwnCookies(header: string): string | undefined {
  const kept = header.split(";").filter((pair) => !isOwnCookie(pair.split("=", 1)[0]!.trim()));
  return kept.length === 0 ? undefined : kept.join(";").trim();
}

function pairs(header: string | undefined): [string, string][] {
  return (header ?? "").split(";").map((pair) => {
    const at = pair.indexOf("=");
    return at < 0 ? [pair.trim(), ""] : [pair.slice(0, at).trim(), pair.slice(at + 1).trim()];
  });
}

/** Someone who looks at the answer: who gets a page instead of JSON. */
export function isBrowser(request: IncomingMessage): boolean {
  const mode = request.headers["sec-fetch-mode"];
  return (
    (request.method === "GET" || request.method === "HEAD") &&
    (mode === undefined || mode === "navigate") &&
    (request.headers.accept ?? "").includes("text/html")
  );
}

/**
 * Whether a page of somebody else made this browser send its cookie. A navigation may come from anywhere; anything else has
 * to come from this sandbox's own pages: siblings under one domain count as the same site for browsers, so `SameSite` alone
 * would let one preview act as its visitor in another.
 */
export function isFromElsewhere(request: IncomingMessage, sandboxId: string): boolean {
  const { origin, "sec-fetch-site": site, "sec-fetch-mode": mode } = request.headers;
  if (origin !== undefined) return !isOwnOrigin(origin, request.headers.host ?? "", sandboxId);
  if (site === undefined || site === "same-origin" || site === "none") return false;
  return !(mode === "navigate" && (request.method === "GET" || request.method === "HEAD"));
}

/** This host, or another port of the same sandbox on the same domain. */
function isOwnOrigin(origin: string, host: string, sandboxId: string): boolean {
  const from = URL.parse(origin)?.host;
  if (from === undefined || from === "") return false;
  const domain = (text: string) => text.toLowerCase().replace(/^\d{1,5}-/, "");
  return domain(from) === domain(host) && domain(from).startsWith(`${sandboxId}.`);
}
