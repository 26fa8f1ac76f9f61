import { configPath, type Environment, environment, readConfigText } from "#settings";

export { configPath };

/** Where the server is and who asks. What is not given comes from the environment, then from the configuration file. */
export interface ClientOptions {
  /**
   * The server's root, without `/v1`. Default: `PANDASTACK_API_URL` or `PANDASTACK_API`, the configuration file,
   * `http://127.0.0.1:8080`.
   */
  baseUrl?: string | undefined;
  /** Another name of `baseUrl`. */
  apiUrl?: string | undefined;
  /** A token, `pds_…`. Default: `PANDASTACK_API_KEY` or `PANDASTACK_TOKEN`, the configuration file. */
  apiKey?: string | undefined;
  /** Another name of `apiKey`. */
  token?: string | undefined;
  /**
   * What host names of previews end in: the server's `PANDASTACK_PREVIEW_HOST_SUFFIX`, and its port where that is not the
   * scheme's own. Default: `PANDASTACK_PREVIEW_HOST`, else `localhost:<port>` of a server on an address, else its name
   * without a leading `api.`.
   */
  previewHost?: string | undefined;
  /** Longest wait for an answer, in milliseconds, for calls that name none; 0: for ever. Default 60,000. */
  timeoutMs?: number | undefined;
  /** What sends the requests, for proxies and certificates of your own. Default: the platform's. WebSockets do not go through it. */
  fetch?: typeof globalThis.fetch | undefined;
}

export interface ResolvedConfig {
  readonly baseUrl: string;
  readonly apiKey: string | undefined;
  readonly timeoutMs: number;
  readonly previewHost: string;
  /** undefined: the platform's. */
  readonly fetch: typeof globalThis.fetch | undefined;
}

/** Where `npm start` listens. */
export const DEFAULT_BASE_URL = "http://127.0.0.1:8080";
/** Twice what the server lets a create wait in its queue, and some. */
export const DEFAULT_TIMEOUT_MS = 60_000;

/** Options win over the environment, the environment over the file that `npm start` writes. */
export function resolveConfig(options: ClientOptions = {}, env: Environment = environment()): ResolvedConfig {
  const file = readConfigFile(configPath(env));
  const baseUrl =
    options.baseUrl ||
    options.apiUrl ||
    env["PANDASTACK_API_URL"] ||
    env["PANDASTACK_API"] ||
    file.baseUrl ||
    DEFAULT_BASE_URL;
  return {
    previewHost: options.previewHost || env["PANDASTACK_PREVIEW_HOST"] || previewHostOf(baseUrl),
    baseUrl: baseUrl.replace(/\/+$/, "").replace(/\/v1$/, ""),
    apiKey: options.apiKey || options.token || env["PANDASTACK_API_KEY"] || env["PANDASTACK_TOKEN"] || file.apiKey,
    timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    fetch: options.fetch,
  };
}

/** Names below `localhost` are this machine to every browser; an address has no names below it. */
function previewHostOf(baseUrl: string): string {
  if (!URL.canParse(baseUrl)) return "localhost";
  const { hostname, port } = new URL(baseUrl);
  const isAddress = /^[\d.]+$|^\[/.test(hostname);
  return `${isAddress ? "localhost" : hostname.replace(/^api\./, "")}${port === "" ? "" : `:${port}`}`;
}

/** A file that is not there, or not JSON, is no configuration. Files of other ages spell its two keys otherwise. */
function readConfigFile(path: string): { baseUrl: string | undefined; apiKey: string | undefined } {
  let value: Record<string, unknown>;
  try {
    value = Object(JSON.parse(readConfigText(path) ?? "")) as Record<string, unknown>;
  } catch {
    return { baseUrl: undefined, apiKey: undefined };
  }
  const text = (...names: string[]) =>
    names.map((name) => value[name]).find((v): v is string => typeof v === "string" && v !== "");
  return {
    baseUrl: text("baseUrl", "apiUrl", "base_url", "api_url"),
    apiKey: text("apiKey", "token", "api_key"),
  };
}
