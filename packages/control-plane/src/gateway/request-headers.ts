import type { IncomingMessage } from "node:http";
import type { Admission } from "./admission.ts";
import { passHeaders } from "./raw-headers.ts";
import { TOKEN_HEADER, withoutOwnCookies, withoutProtocolToken } from "./visitor.ts";

/** Said by us about the connection: what a caller says of it is not believed. */
const OURS: ReadonlySet<string> = new Set([
  "forwarded",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-port",
  "x-forwarded-prefix",
  "x-forwarded-proto",
  "x-real-ip",
  "x-request-id",
  TOKEN_HEADER,
]);

export interface Sender {
  readonly requestId: string;
  readonly scheme: "http" | "https";
  /** In place of the caller's, where the gateway has a span between the two. */
  readonly traceparent: string | undefined;
}

/** What the server inside gets of a request's head: nothing that is a credential for us, or another page's. */
export function requestHeaders(
  request: IncomingMessage,
  admission: Admission,
  sender: Sender,
  upgrade: string | undefined,
): string[] {
  const isApi = admission.origin === "api";
  const host = request.headers.host ?? "";
  const headers = passHeaders(request.rawHeaders, (name, value) => {
    if (OURS.has(name) || name === "host") return undefined;
    if (name === "traceparent" && sender.traceparent !== undefined) return undefined;
    switch (name) {
      case "authorization":
        return admission.isAuthorizationOurs ? undefined : value;
      case "cookie":
        // Servers inside cannot set any on the API's origin, so whatever comes there is not theirs.
        return isApi ? undefined : withoutOwnCookies(value);
      case "referer":
        // The address of a page on the API's origin may hold a token.
        return isApi ? undefined : value;
      case "sec-websocket-protocol":
        return withoutProtocolToken(value);
      default:
        return value;
    }
  });
  // Development servers check the name that they are called by; on the API's origin that name is not theirs.
  headers.push("Host", isApi ? `localhost:${admission.port}` : host);
  headers.push("X-Forwarded-For", request.socket.remoteAddress ?? "unknown");
  headers.push("X-Forwarded-Host", host, "X-Forwarded-Proto", sender.scheme, "X-Request-Id", sender.requestId);
  if (sender.traceparent !== undefined) headers.push("traceparent", sender.traceparent);
  if (admission.prefix !== "") headers.push("X-Forwarded-Prefix", admission.prefix);
  if (/\btrailers\b/i.test(String(request.headers.te ?? ""))) headers.push("TE", "trailers");
  if (upgrade !== undefined) headers.push("Connection", "Upgrade", "Upgrade", upgrade);
  else headers.push("Connection", "keep-alive", ...framing(request));
  return headers;
}

/** How long the body is, where `content-length` (which is passed on as it is) does not say it. */
function framing(request: IncomingMessage): string[] {
  if (request.headers["transfer-encoding"] !== undefined) return ["Transfer-Encoding", "chunked"];
  return request.headers["content-length"] === undefined && mayHaveBody(request.method) ? ["Content-Length", "0"] : [];
}

const mayHaveBody = (method: string | undefined): boolean =>
  method === "POST" || method === "PUT" || method === "PATCH";

export const hasBody = (request: IncomingMessage): boolean =>
  request.headers["transfer-encoding"] !== undefined || Number(request.headers["content-length"] ?? 0) > 0;
