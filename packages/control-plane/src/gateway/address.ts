import type { IncomingMessage } from "node:http";
import { Refusal } from "@pandastack/platform";

/** What a request is addressed to inside a sandbox. `rest` begins with a slash and has the query, exactly as it was sent. */
export type GatewayAddress =
  /** `/v1/sandboxes/{id}/proxy/{port}/…`, on the API's own origin, with an API token. */
  | {
      readonly kind: "proxy";
      readonly id: string;
      readonly port: string;
      readonly prefix: string;
      readonly rest: string;
    }
  /** `/v1/p/{token}/…`, on the API's own origin: whoever has the link. */
  | { readonly kind: "signed"; readonly token: string; readonly prefix: string; readonly rest: string }
  /** `{port}-{id}.{suffix}`: an origin of its own. */
  | { readonly kind: "host"; readonly id: string; readonly port: string; readonly rest: string };

const HOST = /^(\[[0-9a-f:.]+\]|[a-z0-9._~-]*)(:\d{1,5})?$/i;
const PREVIEW_LABEL = /^(\d{1,5})-([a-z0-9]{20})\.(.+)$/;
const PROXY_PATH = /^(\/v1\/sandboxes\/([^/?]+)\/proxy\/([^/?]+))(\/[^?]*)?(\?.*)?$/;
const SIGNED_PATH = /^(\/v1\/p\/([^/?]+))(\/[^?]*)?(\?.*)?$/;

const bad = (text: string) => new Refusal("gateway.bad_request", text);

/**
 * Where a request goes, from its target and its one `Host` and nothing else: undefined is the API. Two parties that read one
 * request in two ways are how requests are smuggled, so what could be read in two ways is refused here, for the API too.
 */
export function addressOf(request: IncomingMessage, suffixes: readonly string[]): GatewayAddress | undefined {
  const target = request.url ?? "";
  if (target === "*" && request.method === "OPTIONS") return undefined;
  if (!target.startsWith("/"))
    throw bad(
      "the request target has to be a path: this is no proxy for other addresses, and absolute ones are not taken",
    );
  if (target.includes("#")) throw bad("the request target cannot contain a #");
  const hosts = request.headersDistinct["host"] ?? [];
  if (hosts.length > 1) throw bad("more than one Host header");
  const host = hosts[0] ?? "";
  if (!HOST.test(host)) throw bad("the Host header is not a host name");
  return previewHost(host, target, suffixes) ?? proxyPath(target) ?? signedPath(target);
}

function previewHost(host: string, rest: string, suffixes: readonly string[]): GatewayAddress | undefined {
  const name = host.replace(/:\d+$/, "").replace(/\.$/, "").toLowerCase();
  const match = PREVIEW_LABEL.exec(name);
  if (match === null) return undefined;
  const [, port = "", id = "", suffix = ""] = match;
  if (!suffixes.includes(suffix))
    throw new Refusal(
      "route.not_found",
      `this server has no previews under ${suffix}; its operator names that domain in PANDASTACK_PREVIEW_HOST_SUFFIX`,
    );
  return { kind: "host", id, port, rest };
}

function proxyPath(target: string): GatewayAddress | undefined {
  const match = PROXY_PATH.exec(target);
  if (match === null) return undefined;
  const [, prefix = "", id = "", port = "", path = "", query = ""] = match;
  return { kind: "proxy", id, port, prefix, rest: path + query };
}

function signedPath(target: string): GatewayAddress | undefined {
  const match = SIGNED_PATH.exec(target);
  if (match === null) return undefined;
  const [, prefix = "", token = "", path = "", query = ""] = match;
  return { kind: "signed", token, prefix, rest: path + query };
}
