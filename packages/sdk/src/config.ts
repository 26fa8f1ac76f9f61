import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

export interface ClientOptions {
  /** Where the server is; its root, without `/v1`. */
  apiUrl?: string | undefined;
  token?: string | undefined;
  /** Longest wait for an answer, in milliseconds; a command's own timeout lengthens it. */
  timeoutMs?: number | undefined;
}

export interface ResolvedConfig {
  apiUrl: string;
  token: string | undefined;
  timeoutMs: number;
}

export const DEFAULT_API_URL = "http://127.0.0.1:8080";
export const DEFAULT_TIMEOUT_MS = 60_000;

/** Options win over the environment, the environment over the file that `npm start` writes. */
export function resolveConfig(options: ClientOptions = {}, env: NodeJS.ProcessEnv = process.env): ResolvedConfig {
  const file = readConfigFile(configPath(env));
  const apiUrl = options.apiUrl || env["PANDASTACK_API_URL"] || env["PANDASTACK_API"] || file.apiUrl || DEFAULT_API_URL;
  return {
    apiUrl: apiUrl.replace(/\/+$/, "").replace(/\/v1$/, ""),
    token: options.token || env["PANDASTACK_API_KEY"] || env["PANDASTACK_TOKEN"] || file.token,
    timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
  };
}

/** `$XDG_CONFIG_HOME/pandastack/config.json`, by default under `~/.config`. */
export function configPath(env: NodeJS.ProcessEnv = process.env): string {
  return join(env["XDG_CONFIG_HOME"] || join(env["HOME"] || homedir(), ".config"), "pandastack", "config.json");
}

/** A file that is not there, or not JSON, is no configuration. Older files say `api_url` and `apiKey`. */
function readConfigFile(path: string): { apiUrl: string | undefined; token: string | undefined } {
  let value: Record<string, unknown>;
  try {
    value = Object(JSON.parse(readFileSync(path, "utf8"))) as Record<string, unknown>;
  } catch {
    return { apiUrl: undefined, token: undefined };
  }
  const text = (...names: string[]) =>
    names.map((name) => value[name]).find((v): v is string => typeof v === "string" && v !== "");
  return { apiUrl: text("apiUrl", "api_url"), token: text("token", "apiKey", "api_key") };
}
