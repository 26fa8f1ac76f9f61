import type { IncomingMessage, ServerResponse } from "node:http";
import { Refusal } from "@pandastack/platform";
import type { Doorkeeper } from "./admission.ts";
import type { GatewayAddress } from "./address.ts";
import { PREVIEW_COOKIE, SECURE_PREVIEW_COOKIE } from "./visitor.ts";

/** On every preview's host: `/.pandastack/open/{token}/…` turns a signed link into a cookie and goes on to the page. */
export const LINK_PATH = "/.pandastack/open/";

/** Answers if this is such an address. */
export async function openLink(
  address: GatewayAddress,
  request: IncomingMessage,
  response: ServerResponse,
  options: { doorkeeper: Doorkeeper; isSecure: boolean },
): Promise<boolean> {
  if (address.kind !== "host" || !address.rest.startsWith(LINK_PATH)) return false;
  if (request.method !== "GET" && request.method !== "HEAD")
    throw new Refusal("gateway.bad_request", "a signed link is opened with GET");
  const [, token = "", rest = ""] = /^([^/?]*)(.*)$/.exec(address.rest.slice(LINK_PATH.length)) ?? [];
  const preview = await options.doorkeeper.openLink(address, token);
  const seconds = Math.max(1, preview.expires - Math.floor(Date.now() / 1000));
  const name = options.isSecure ? SECURE_PREVIEW_COOKIE : PREVIEW_COOKIE;
  // Leading slashes and backslashes would make another host of it.
  const [path = "", ...query] = rest.split("?");
  const target = `/${path.replace(/^[/\\]+/, "")}${query.length === 0 ? "" : `?${query.join("?")}`}`;
  const goal = target === "/" && preview.paths.length > 0 ? preview.paths[0]! : target;
  response.writeHead(302, {
    location: goal,
    "set-cookie": `${name}=${token}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Lax${options.isSecure ? "; Secure" : ""}`,
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
  });
  response.end();
  return true;
}
