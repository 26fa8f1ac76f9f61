import { readFileSync } from "node:fs";
import { PROXIED_CONNECTIONS_LIMIT } from "@pandastack/contracts";

export interface GatewaySettings {
  /** Domains under which `{port}-{id}` is a preview; the first is the one that is told to people. Lower case, no dots at the ends. */
  readonly suffixes: readonly string[];
  /** How the API is reached from outside, where that differs from what requests say: `https://api.example.com`. */
  readonly publicUrl: URL | undefined;
  /** What preview links are signed with; undefined: a random one, kept in the database. */
  readonly previewSecret: string | undefined;
  readonly tls: { readonly cert: Buffer; readonly key: Buffer } | undefined;
  /** How long a server inside may take to begin its answer. */
  readonly responseSeconds: number;
  /** Requests and open connections to one sandbox at a time. */
  readonly connectionsPerSandbox: number;
}

/** Browsers take every name below it for this machine, without any DNS. */
const LOCAL_SUFFIX = "localhost";
/** Longer than any page should take, shorter than forever: a server that hangs is told from one that thinks. */
export const DEFAULT_RESPONSE_SECONDS = 120;
const SHORTEST_SECRET_CHARACTERS = 16;
const DOMAIN = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;

export const DEFAULT_GATEWAY_SETTINGS: GatewaySettings = {
  suffixes: [LOCAL_SUFFIX],
  publicUrl: undefined,
  previewSecret: undefined,
  tls: undefined,
  responseSeconds: DEFAULT_RESPONSE_SECONDS,
  connectionsPerSandbox: PROXIED_CONNECTIONS_LIMIT,
};

/** Reads the certificate, too: later the process may not be allowed to. What is wrong is added to `problems`. */
export function readGatewaySettings(
  text: (name: string) => string | undefined,
  responseSeconds: number,
  problems: string[],
): GatewaySettings {
  const own = (text("PANDASTACK_PREVIEW_HOST_SUFFIX") ?? "")
    .split(",")
    .map((name) =>
      name
        .trim()
        .toLowerCase()
        .replace(/^\.|\.$/g, ""),
    )
    .filter((name) => name !== "");
  for (const name of own)
    if (!DOMAIN.test(name))
      problems.push(`PANDASTACK_PREVIEW_HOST_SUFFIX has to be a domain name, not ${JSON.stringify(name)}`);
  const previewSecret = text("PANDASTACK_PREVIEW_SECRET");
  if (previewSecret !== undefined && previewSecret.length < SHORTEST_SECRET_CHARACTERS)
    problems.push(`PANDASTACK_PREVIEW_SECRET needs at least ${SHORTEST_SECRET_CHARACTERS} characters`);
  return {
    suffixes: [...new Set([...own, LOCAL_SUFFIX])],
    publicUrl: readPublicUrl(text("PANDASTACK_PUBLIC_BASE_URL"), problems),
    previewSecret,
    tls: readTls(text("PANDASTACK_TLS_CERT"), text("PANDASTACK_TLS_KEY"), problems),
    responseSeconds,
    connectionsPerSandbox: PROXIED_CONNECTIONS_LIMIT,
  };
}

function readPublicUrl(text: string | undefined, problems: string[]): URL | undefined {
  if (text === undefined) return undefined;
  const url = URL.parse(text);
  if (url !== null && /^https?:$/.test(url.protocol) && url.pathname === "/" && url.search === "") return url;
  problems.push(
    `PANDASTACK_PUBLIC_BASE_URL has to be like https://api.example.com, without a path, not ${JSON.stringify(text)}`,
  );
  return undefined;
}

function readTls(cert: string | undefined, key: string | undefined, problems: string[]): GatewaySettings["tls"] {
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined) {
    problems.push("PANDASTACK_TLS_CERT and PANDASTACK_TLS_KEY go together");
    return undefined;
  }
  try {
    return { cert: readFileSync(cert), key: readFileSync(key) };
  } catch (error) {
    problems.push(`PANDASTACK_TLS_CERT, PANDASTACK_TLS_KEY: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}
