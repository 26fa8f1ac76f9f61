import type { IncomingMessage, ServerResponse } from "node:http";
import { Fault, Refusal, toErrorResponse } from "@pandastack/platform";
import { isBrowser } from "./visitor.ts";

/** On every answer that is the gateway's own: a 502 of a server inside is told from one about it. */
export const GATEWAY_HEADER = "x-pandastack-gateway";
const RETRY_AFTER_SECONDS = 1;
/** A wake takes a fraction of a second: the page is back before anybody has read it. */
const REFRESH_SECONDS = 1;

const TITLES: Readonly<Record<string, string>> = {
  "sandbox.waking": "Waking up…",
  "port.connection_refused": "Nothing listens here",
  "auth.missing_token": "This preview is private",
  "preview.expired": "This link has expired",
  "preview.invalid_token": "This link is not valid",
  "preview.forbidden": "This link does not open that",
  "sandbox.not_found": "No such sandbox",
  "gateway.timeout": "No answer in time",
  "gateway.bad_response": "The server inside failed",
};

/** A failure as people read it: a page for whoever looks, JSON for programs. */
export function sendFailure(
  error: unknown,
  request: IncomingMessage,
  response: ServerResponse,
  requestId: string,
): number {
  const { status, body } = toErrorResponse(asSeenFromOutside(error), requestId);
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return status;
  }
  const isWaking = body.code === "sandbox.waking";
  const isPage = isBrowser(request);
  const text = isPage ? pageOf(status, body, isWaking) : JSON.stringify(body);
  const retryAfter = error instanceof Refusal ? error.retryAfterSeconds : undefined;
  response.writeHead(status, {
    "content-type": isPage ? "text/html; charset=utf-8" : "application/json; charset=utf-8",
    "content-length": Buffer.byteLength(text),
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    "referrer-policy": "no-referrer",
    "access-control-allow-origin": "*",
    "access-control-expose-headers": `${GATEWAY_HEADER}, x-request-id, retry-after`,
    [GATEWAY_HEADER]: body.code,
    "x-request-id": requestId,
    ...(status === 503 || status === 429 ? { "retry-after": String(retryAfter ?? RETRY_AFTER_SECONDS) } : {}),
    ...(isPage && isWaking ? { refresh: String(REFRESH_SECONDS) } : {}),
    ...(status === 401 && !isPage ? { "www-authenticate": "Bearer" } : {}),
    // Whoever is still sending is not listened to any longer.
    ...(request.complete ? {} : { connection: "close" }),
  });
  response.end(request.method === "HEAD" ? undefined : text);
  request.resume();
  return status;
}

/** A sandbox that does not run is a fact about the server behind, not a mistake of whoever visits it. */
function asSeenFromOutside(error: unknown): unknown {
  if (error instanceof Refusal && error.code === "sandbox.invalid_state")
    return new Refusal("sandbox.not_running", error.message, { details: error.details });
  if (error instanceof Error && error.name === "AbortError")
    return new Fault("host.unavailable", "the server is stopping; try again", { cause: error });
  return error;
}

function pageOf(status: number, body: { error: string; code: string; request_id?: string }, isWaking: boolean): string {
  const title = TITLES[body.code] ?? (status >= 500 ? "This preview does not answer" : "This preview cannot be shown");
  const note = isWaking ? "<p>This page looks again by itself.</p>" : "";
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">
<title>${escapeHtml(title)}</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:36rem;margin:15vh auto;padding:0 1.5rem;color:#222}h1{font-size:1.5rem}small{color:#777}@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}}</style>
</head><body><h1>${escapeHtml(title)}</h1><p>${escapeHtml(body.error)}</p>${note}
<small>${status} · ${escapeHtml(body.code)} · ${escapeHtml(body.request_id ?? "")}</small></body></html>
`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};
const escapeHtml = (text: string): string => text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character]!);
