import { randomBytes } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";

/** Only what is safe to repeat in headers and logs. */
const ACCEPTABLE = /^[\w.:/+=@-]{1,128}$/;

/** The caller's id of this request, or 16 hex of our own. */
export function requestIdOf(headers: IncomingHttpHeaders): string {
  const given = headers["x-request-id"];
  return typeof given === "string" && ACCEPTABLE.test(given) ? given : randomBytes(8).toString("hex");
}
