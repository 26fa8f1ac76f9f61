import type { IncomingMessage } from "node:http";
import type { Admission } from "./admission.ts";
import { passHeaders } from "./raw-headers.ts";
import { isOwnCookie } from "./visitor.ts";

/** What would reach beyond the page that it came with, on an origin that is not the guest's own. */
const FENCED: ReadonlySet<string> = new Set([
  "set-cookie",
  "set-cookie2",
  "clear-site-data",
  "service-worker-allowed",
  "strict-transport-security",
  "public-key-pins",
  "alt-svc",
  "nel",
  "report-to",
  "reporting-endpoints",
  "accept-ch",
  "referrer-policy",
]);
const NO_SCRIPTS = "sandbox";
/** No `allow-same-origin`: its pages are of an origin that nothing belongs to. */
const SCRIPTS = "sandbox allow-scripts allow-forms allow-modals allow-popups allow-downloads";

/** The head of an answer from inside, as the caller gets it. */
export function replyHeaders(reply: IncomingMessage, admission: Admission, requestId: string): string[] {
  const isApi = admission.origin === "api";
  let isOpenToOrigins = false;
  const headers = passHeaders(
    reply.rawHeaders,
    (name, value) => {
      if (isApi && FENCED.has(name)) return undefined;
      if (name === "access-control-allow-origin") isOpenToOrigins = true;
      if (name === "set-cookie") return ownCookieOnly(value);
      if (name === "location" || name === "content-location") return withPrefix(value, admission.prefix);
      if (name === "x-request-id" || name === "alt-svc") return undefined;
      return value;
    },
    { keep: TRAILER },
  );
  headers.push("X-Request-Id", requestId);
  if (!isApi) return headers;
  headers.push("Content-Security-Policy", admission.mayRunScripts ? SCRIPTS : NO_SCRIPTS);
  headers.push("Referrer-Policy", "no-referrer", "X-Content-Type-Options", "nosniff");
  // As of the whole API: there is no ambient credential that another origin's page could misuse.
  if (!isOpenToOrigins) headers.push("Access-Control-Allow-Origin", "*");
  return headers;
}

/** Names the trailers that come; they are passed on, too. */
const TRAILER: ReadonlySet<string> = new Set(["trailer"]);

/** A cookie for this host alone: one for the whole domain would be sent to everybody else's previews. */
function ownCookieOnly(value: string): string | undefined {
  const [pair = "", ...attributes] = value.split(";");
  if (isOwnCookie(pair.split("=", 1)[0]!.trim())) return undefined;
  return [pair, ...attributes.filter((attribute) => !/^\s*domain\s*(=|$)/i.test(attribute))].join(";");
}

/** A server inside does not know what it is called here. */
function withPrefix(location: string, prefix: string): string {
  return prefix !== "" && location.startsWith("/") && !location.startsWith("//") ? prefix + location : location;
}
